// What becomes of a task or became of it, in words, and what comes next: one panel for each state.

import type { ReactNode } from "react";

import { Link } from "@tanstack/react-router";

import { Failure } from "../../components/Failure";
import type { Commands } from "../../components/taskCommands";
import { counted } from "../../text/format";
import { faceOf, type Face } from "../../text/progress";
import { visible } from "../../text/visible";
import type { EventShape, TaskShape } from "../../wire";
import { Completed } from "./Completed";
import { survivedText } from "./outcome";
import { ReasonLinks } from "./ReasonLinks";
import { Running } from "./Running";
import { Paused, Queued, Retrying } from "./Waiting";

export interface PanelProps {
  readonly task: TaskShape;
  readonly events: readonly EventShape[];
  readonly commands: Commands;
}

type Panel = (props: PanelProps) => ReactNode;

const PANELS: Readonly<Record<Face, Panel>> = {
  queued: Queued,
  retrying: Retrying,
  running: Running,
  paused: Paused,
  completed: Completed,
  failed: Failed,
  cancelled: Cancelled,
};

export function WhatHappened(props: PanelProps): ReactNode {
  const Shown = PANELS[faceOf(props.task)];
  return (
    <div data-testid="what-happened">
      <Shown {...props} />
    </div>
  );
}

function Failed({ task }: PanelProps): ReactNode {
  const error = task.error ?? { code: "internal_error", message: "The task failed.", details: {} };
  return (
    <Failure error={error} survived={survivedText(task)} context={{ task_id: task.task_id, title: task.title }}>
      <Reasons reasons={error.details.reasons} sourceId={task.payload.source_id} />
      {task.task_type === "crawl" ? <ReasonLinks task={task} /> : null}
    </Failure>
  );
}

/** Why a refresh was not taken: the gate's sentences, and where to decide otherwise. */
function Reasons({ reasons, sourceId }: { reasons: unknown; sourceId: unknown }): ReactNode {
  if (!Array.isArray(reasons)) return null;
  return (
    <>
      <ul className="sentences">
        {reasons.map((reason) => (
          <li key={String(reason)} className="wrap">
            {visible(String(reason))}
          </li>
        ))}
      </ul>
      {typeof sourceId === "string" ? (
        <p>
          <Link to="/sources/$sourceId" params={{ sourceId }}>
            Look at the source
          </Link>
          , which answers from its present state.
        </p>
      ) : null}
    </>
  );
}

function Cancelled({ task }: PanelProps): ReactNode {
  const isSuperseded = task.error?.code === "superseded";
  const stored = task.progress.stages.stored?.done ?? 0;
  return (
    <section className="card pad note" aria-label="Cancelled">
      <p>
        <b>{isSuperseded ? "A newer request took this task’s place." : "It was cancelled."}</b> {survivedText(task)}
      </p>
      {isSuperseded ? null : (
        <p className="muted sm">
          {stored > 0 ? `“Go on with it” takes it up after these ${counted(stored, "page")}.` : "“Go on with it” starts it again."}
        </p>
      )}
    </section>
  );
}
