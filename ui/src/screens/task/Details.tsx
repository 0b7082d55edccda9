// The tabs of a task: its log, its URLs, what went wrong, the settings it was started with.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { useApp } from "../../components/app";
import { InlineError } from "../../components/Failure";
import { FactList } from "../../components/FactList";
import { Icon } from "../../components/Icon";
import { Loading } from "../../components/Loading";
import { useShortcut } from "../../components/shortcuts";
import { Tabs } from "../../components/Tabs";
import type { Commands } from "../../components/taskCommands";
import type { ProgressState } from "../../live/progress";
import { count } from "../../text/format";
import { stateCount } from "../../text/urls";
import type { TaskShape } from "../../wire";
import { LogView } from "./LogView";
import { type TaskParams, taskParams, type TaskTab } from "./params";
import { Problems } from "./Problems";
import { saveLog } from "./saveLog";
import { UrlList } from "./UrlList";

interface Props {
  readonly task: TaskShape;
  readonly progress: ProgressState | null;
  readonly commands: Commands;
}

export function Details({ task, progress, commands }: Props): ReactNode {
  const { tab = "log", only } = useSearch({ from: "/activity/$taskId" });
  const navigate = useNavigate({ from: "/activity/$taskId" });
  const isErrorsOnly = only === "errors";
  const kept = only === undefined ? {} : { only };
  const setErrorsOnly = (isOn: boolean): void => {
    const search = (given: object): TaskParams => taskParams({ ...given, only: isOn ? "errors" : undefined });
    void navigate({ search, hash: true, replace: true, resetScroll: false, hashScrollIntoView: false });
  };
  useShortcut("e", "Errors only", () => setErrorsOnly(!isErrorsOnly));
  const choose = (name: TaskTab): void => void navigate({ search: name === "log" ? kept : { ...kept, tab: name }, replace: true });
  const tools = tab === "log" ? <LogTools task={task} isErrorsOnly={isErrorsOnly} onErrorsOnly={setErrorsOnly} /> : null;
  return (
    <Tabs label="Details" tabs={tabsOf(task)} current={tab} onChoose={choose} tools={tools}>
      {tab === "log" && progress !== null && progress.isFound === true ? (
        <LogView progress={progress} isErrorsOnly={isErrorsOnly} />
      ) : null}
      {tab === "log" && progress?.isFound !== true ? <Loading text="The log is on its way…" /> : null}
      {tab === "pages" ? <UrlList task={task} /> : null}
      {tab === "problems" ? <Problems task={task} events={progress?.events ?? []} commands={commands} /> : null}
      {tab === "settings" ? <FactList facts={task.payload} /> : null}
    </Tabs>
  );
}

function tabsOf(task: TaskShape): readonly { name: TaskTab; label: string; badge?: ReactNode }[] {
  const { failed, skipped, stages } = task.progress;
  const isCrawl = task.task_type === "crawl";
  const urls = (stages.stored?.done ?? 0) + failed + (stateCount(task, "skipped") ?? skipped);
  const pages = { name: "pages", label: "Pages", badge: <span className="muted num">{count(urls)}</span> } as const;
  return [
    { name: "log", label: "Log", badge: <span className="muted num">{count(task.last_seq)}</span> },
    ...(isCrawl ? [pages] : []),
    { name: "problems", label: "Problems", badge: failed > 0 ? <span className="n bad num">{count(failed)}</span> : null },
    { name: "settings", label: "Settings used" },
  ];
}

interface ToolsProps {
  readonly task: TaskShape;
  readonly isErrorsOnly: boolean;
  readonly onErrorsOnly: (isOn: boolean) => void;
}

function LogTools({ task, isErrorsOnly, onErrorsOnly }: ToolsProps): ReactNode {
  const { api } = useApp();
  const [error, setError] = useState<Error | null>(null);
  const download = async (): Promise<void> => {
    try {
      await saveLog(api, task.task_id);
      setError(null);
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause;
      setError(cause);
    }
  };
  return (
    <div className="tools">
      <label className="chk sm">
        <input type="checkbox" checked={isErrorsOnly} onChange={(event) => onErrorsOnly(event.target.checked)} />
        Errors only
      </label>
      <button type="button" className="btn quiet small" onClick={() => void download()}>
        <Icon name="down" />
        Download
      </button>
      <InlineError error={error} />
    </div>
  );
}
