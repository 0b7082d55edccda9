// What the server was started with, as a table. Secrets never come here: of one is told only whether it is set.

import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { CopyButton } from "../../components/buttons";
import { Loaded } from "../../components/Failure";
import { settingsQuery } from "../../data/settings";
import { count } from "../../text/format";
import { visible } from "../../text/visible";
import type { SettingShape } from "../../wire";
import type { SettingsParams } from "./params";

export function VariablesTab(): ReactNode {
  const { api } = useApp();
  const query = useQuery(settingsQuery(api));
  return <Loaded query={query}>{({ items }) => <Table settings={items} />}</Loaded>;
}

function Table({ settings }: { settings: readonly SettingShape[] }): ReactNode {
  const { q = "", only } = useSearch({ from: "/settings" });
  const shown = settings.filter((setting) => (only === undefined || setting.is_set) && fits(setting, q));
  return (
    <>
      <p className="muted sm">
        Read once when the server started, from the environment and the flags of its command. To change one, set its variable and
        restart.
      </p>
      <Filters settings={settings} />
      {shown.length === 0 ? <p className="card pad muted">No setting fits. Take a word away, or show all.</p> : null}
      {shown.length === 0 ? null : (
        <div className="card table-frame" tabIndex={0} role="region" aria-label="Settings of the server">
          <table className="table variables">
            <thead>
              <tr>
                <th scope="col">Setting</th>
                <th scope="col">Value</th>
                <th scope="col">Default</th>
                <th scope="col">Meaning</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((setting) => (
                <Row key={setting.name} setting={setting} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function Filters({ settings }: { settings: readonly SettingShape[] }): ReactNode {
  const params = useSearch({ from: "/settings" });
  const navigate = useNavigate({ from: "/settings" });
  const choose = ({ q = "", only }: SettingsParams): void => {
    void navigate({
      search: { tab: "variables", ...(q === "" ? {} : { q }), ...(only === undefined ? {} : { only }) },
      replace: true,
      resetScroll: false,
    });
  };
  const { only, ...others } = params;
  return (
    <div className="row filters" role="search" aria-label="Filter settings">
      <button
        type="button"
        className="chip"
        aria-pressed={only === "set"}
        onClick={() => choose(only === "set" ? others : { ...others, only: "set" })}
      >
        Set by you <span className="num muted">{count(settings.filter((setting) => setting.is_set).length)}</span>
      </button>
      <input
        className="in filter"
        type="search"
        aria-label="Filter by name or meaning"
        placeholder="Filter by name or meaning"
        value={params.q ?? ""}
        onChange={(event) => choose({ ...params, q: event.target.value })}
      />
    </div>
  );
}

function Row({ setting }: { setting: SettingShape }): ReactNode {
  return (
    <tr data-testid="setting" data-name={setting.name}>
      <th scope="row">
        {setting.name}
        <div className="row">
          <code className="mono xs muted wrap">{setting.variable}</code>
          <CopyButton text={setting.variable} label="Copy" isQuiet />
        </div>
      </th>
      <td className="wrap">
        <span className={setting.is_set ? "mono b" : "mono"}>{valueText(setting)}</span>
        {setting.is_set ? <div className="muted xs">set</div> : null}
      </td>
      <td className="mono wrap muted">{setting.default ?? "–"}</td>
      <td className="sm">{setting.description.replaceAll("`", "")}</td>
    </tr>
  );
}

function valueText({ is_secret: isSecret, is_set: isSet, value }: SettingShape): string {
  if (isSecret) return isSet ? "••••" : "not set";
  return value === null ? "–" : visible(value);
}

function fits(setting: SettingShape, q: string): boolean {
  const text = `${setting.name} ${setting.variable} ${setting.description}`.toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
