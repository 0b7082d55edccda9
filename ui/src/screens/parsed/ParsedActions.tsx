// What can be done with a parse, as buttons and as keys.

import { Link } from "@tanstack/react-router";
import { type ReactNode, useRef } from "react";

import { Download } from "../../components/Download";
import { InlineError } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import { useShortcut } from "../../components/shortcuts";
import { CancelButton, type Commands, PauseButton, RetryButton } from "../../components/taskCommands";
import { at } from "../../data/api";
import { isFinal } from "../../live/tasks";
import { fileNameOf } from "../../text/fileName";
import type { ParseShape, TaskShape } from "../../wire";
import { againOf, hasSecrets } from "../parse/parseRequest";
import { useStartParse } from "../parse/useStartParse";

interface Props {
  readonly task: TaskShape;
  readonly parse: ParseShape;
  readonly commands: Commands;
}

export function ParsedActions({ task, parse, commands }: Props): ReactNode {
  const cancelButton = useRef<HTMLButtonElement>(null);
  useShortcut("x", "Cancel: twice, Esc takes it back", () => {
    // As a click does it: the first arms the button, the second cancels.
    cancelButton.current?.focus();
    cancelButton.current?.click();
  });
  return (
    <div className="row">
      {parse.screenshot_url === null || parse.page === null ? null : (
        <Download path={at`/web-pages/${parse.task_id}/screenshot`} fileName={fileNameOf(parse.url).replace(/md$/, "png")} label="Screenshot" />
      )}
      <Link className="btn" to="/activity/$taskId" params={{ taskId: task.task_id }}>
        Log
      </Link>
      {task.status === "paused" ? <PauseButton task={task} commands={commands} /> : null}
      <CancelButton task={task} commands={commands} ref={cancelButton} />
      <RetryButton task={task} commands={commands} />
      {task.status === "completed" ? <AgainButton task={task} /> : null}
    </div>
  );
}

function AgainButton({ task }: { task: TaskShape }): ReactNode {
  const { start, isPending, error } = useStartParse();
  const needsForm = hasSecrets(task.payload);
  useShortcut("r", "Parse again", () => {
    if (isFinal(task.status) && !needsForm) start(againOf(task.payload));
  });
  if (needsForm) {
    return (
      <Link className="btn" to="/parse" search={{ again: task.task_id }}>
        <Icon name="retry" />
        Parse again…
      </Link>
    );
  }
  return (
    <>
      <button type="button" className="btn" data-testid="again" aria-disabled={isPending} onClick={() => start(againOf(task.payload))}>
        <Icon name="retry" />
        {isPending ? "Starting…" : "Parse again"}
      </button>
      <InlineError error={error} />
    </>
  );
}
