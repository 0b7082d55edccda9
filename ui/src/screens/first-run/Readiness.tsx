// Whether the server can crawl: its parts, and what to do about one that is missing.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { Icon, type IconName } from "../../components/Icon";
import { healthQuery } from "../../data/server";
import { visible } from "../../text/visible";
import type { Health, PartHealth, PartStatus } from "../../wire";

/** What to do about a part that is not well, by how it is. */
interface Part {
  readonly name: string;
  readonly label: string;
  readonly todo: Readonly<Record<Exclude<PartStatus, "ok">, string>>;
}

const PARTS: readonly Part[] = [
  {
    name: "database",
    label: "Database",
    todo: {
      degraded: "Look at the server's log.",
      off: "Look at the server's log.",
      failed: "Check that the data folder can be written and the disk has room, then restart.",
    },
  },
  {
    name: "embedder",
    label: "Embedding model",
    todo: {
      degraded: "You can crawl all the same: the vectors are made once it is there.",
      off: "To search by meaning too, start with GLEANERY_EMBEDDER=local, or set an OPENAI_API_KEY.",
      failed: "Look at the server's log. You can crawl and search by words all the same.",
    },
  },
  {
    name: "browser",
    label: "Browser",
    todo: {
      degraded: "Check GLEANERY_BROWSER. Pages that need JavaScript can't be read until it starts.",
      off: "For pages that need JavaScript, run make browser or set GLEANERY_BROWSER to a Chromium, then restart.",
      failed: "Check GLEANERY_BROWSER, then restart.",
    },
  },
  {
    name: "worker",
    label: "Worker",
    todo: {
      degraded: "Look at the queue.",
      off: "Start one with gleanery worker.",
      failed: "Look at the server's log.",
    },
  },
];
const STATES: Readonly<Record<PartStatus, { readonly icon: IconName; readonly tone: string; readonly word: string }>> = {
  ok: { icon: "check", tone: "ok", word: "ready" },
  degraded: { icon: "alert", tone: "warn", word: "limited" },
  off: { icon: "slash", tone: "", word: "off" },
  failed: { icon: "cross", tone: "bad", word: "failed" },
};

export function Readiness(): ReactNode {
  const { api } = useApp();
  return (
    <Loaded query={useQuery(healthQuery(api))}>
      {(health) => (
        <section className="card pad" aria-labelledby="ready">
          <h2 id="ready">{headingOf(health)}</h2>
          <ul className="steps">
            {PARTS.map((part) => {
              const state = health.parts[part.name];
              return state === undefined ? null : <Line key={part.name} part={part} state={state} />;
            })}
          </ul>
        </section>
      )}
    </Loaded>
  );
}

function headingOf({ status, parts }: Health): string {
  if (parts.database?.status === "failed") return "Not ready to crawl";
  return status === "ok" ? "Ready to crawl" : "Ready, with limits";
}

function Line({ part, state }: { part: Part; state: PartHealth }): ReactNode {
  const { icon, tone, word } = STATES[state.status];
  return (
    <li data-testid={`part-${part.name}`} data-status={state.status}>
      <span className={`i ${tone}`}>
        <Icon name={icon} />
      </span>
      <span className="wrap">
        {part.label} {word} <span className="muted sm">{visible(state.message)}</span>
        {state.status === "ok" ? null : <span className="todo sm">{part.todo[state.status]}</span>}
      </span>
    </li>
  );
}
