// The server: its parts, how they do and what to do about it, where it keeps things, its documents, and a backup.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { Icon, type IconName } from "../../components/Icon";
import { useNow } from "../../components/useNow";
import { healthQuery } from "../../data/server";
import { settingsQuery } from "../../data/settings";
import { ago, dateAndTime } from "../../text/format";
import { visible } from "../../text/visible";
import type { Health, PartHealth, PartStatus, SettingShape } from "../../wire";
import { Backup } from "./Backup";

export function ServerTab(): ReactNode {
  const { api } = useApp();
  const health = useQuery({ ...healthQuery(api), refetchInterval: 5_000 });
  const settings = useQuery(settingsQuery(api));
  return (
    <>
      <Loaded query={health}>
        {(data) => (
          <>
            <About health={data} settings={settings.data?.items ?? []} />
            <Parts health={data} />
          </>
        )}
      </Loaded>
      <Loaded query={settings}>{({ items }) => <ChatModel settings={items} />}</Loaded>
      <Backup />
    </>
  );
}

const DOCUMENTS = [
  { href: "/docs", text: "The API, to read" },
  { href: "/openapi.json", text: "The API, as OpenAPI" },
  { href: "/metrics", text: "Figures for Prometheus" },
  { href: "/example/", text: "Documentation" },
] as const;

function About({ health, settings }: { health: Health; settings: readonly SettingShape[] }): ReactNode {
  const now = useNow(30_000);
  return (
    <section className="card pad stack" aria-label="About the server">
      <dl className="about">
        <div>
          <dt className="muted sm">Version</dt>
          <dd>{health.version}</dd>
        </div>
        <div>
          <dt className="muted sm">Started</dt>
          <dd title={dateAndTime(health.started_at)}>{ago(health.started_at, now)}</dd>
        </div>
        <div>
          <dt className="muted sm">Keys</dt>
          <dd>{health.needs_key ? "clients must send one" : "none, this machine only"}</dd>
        </div>
        <div className="wide">
          <dt className="muted sm">Data folder</dt>
          <dd className="mono wrap">{visible(valueOf(settings, "data_dir") ?? "–")}</dd>
        </div>
      </dl>
      <ul className="row">
        {DOCUMENTS.map(({ href, text }) => (
          <li key={href}>
            <a className="btn small" href={href} target="_blank" rel="noreferrer">
              {text}
              <Icon name="external" />
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

const FACES: Readonly<Record<PartStatus, { readonly label: string; readonly tone: string; readonly icon: IconName }>> = {
  ok: { label: "Well", tone: "ok", icon: "check" },
  degraded: { label: "Not well", tone: "warn", icon: "alert" },
  off: { label: "Off", tone: "", icon: "slash" },
  failed: { label: "Failed", tone: "bad", icon: "cross" },
};
/** What to do where a part is not well or off. */
const TODO: Readonly<Record<string, string>> = {
  database: "Look at the data folder: its disk must have room, and the server must be allowed to write there. With Supabase: look whether the project answers.",
  embedder: "Choose an embedder in the tab beside this one. Until then search finds by words.",
  browser: "Run make browser, or name a Chromium with GLEANERY_BROWSER and restart. Until then pages are read over HTTP.",
  worker: "Look at the server's log.",
  dispatcher: "Look at GLEANERY_DATABASE_URL. Until then work is found by looking, a second later at most.",
  store: "Look at the data folder and its disk.",
};

function Parts({ health }: { health: Health }): ReactNode {
  return (
    <section className="card table-frame" aria-label="Parts" tabIndex={0} role="region">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Part</th>
            <th scope="col">State</th>
            <th scope="col">What it says</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(health.parts).map(([name, part]) => (
            <Part key={name} name={name} part={part} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Part({ name, part }: { name: string; part: PartHealth }): ReactNode {
  const face = FACES[part.status];
  return (
    <tr data-testid={`part-${name}`}>
      <th scope="row">{name}</th>
      <td>
        <span className={`st ${face.tone}`}>
          <Icon name={face.icon} />
          {face.label}
        </span>
      </td>
      <td className="wrap">
        {visible(part.message)}
        {part.status === "ok" ? null : <div className="muted sm">{TODO[name] ?? "Look at the server's log."}</div>}
      </td>
    </tr>
  );
}

function ChatModel({ settings }: { settings: readonly SettingShape[] }): ReactNode {
  const model = valueOf(settings, "chat_model");
  const reranker = valueOf(settings, "reranker");
  const adds = valueOf(settings, "enrich");
  return (
    <section className="card pad stack" aria-label="Chat model">
      <h2>Chat model and reranker</h2>
      <dl className="about">
        <div>
          <dt className="muted sm">Chat model</dt>
          <dd>{model === null ? "none: set GLEANERY_CHAT_MODEL and restart" : visible(model)}</dd>
        </div>
        <div>
          <dt className="muted sm">It adds after a crawl</dt>
          <dd>{model === null ? "nothing" : (adds ?? "nothing")}</dd>
        </div>
        <div>
          <dt className="muted sm">Reranker</dt>
          <dd className="wrap">{reranker === null ? "none: set GLEANERY_RERANKER and restart" : visible(reranker)}</dd>
        </div>
      </dl>
    </section>
  );
}

function valueOf(settings: readonly SettingShape[], name: string): string | null {
  return settings.find((setting) => setting.name === name)?.value ?? null;
}
