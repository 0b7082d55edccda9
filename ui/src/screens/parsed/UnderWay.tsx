// A parse that gave no page yet, or gives none: its place in the queue, its steps, why it failed and what was tried.

import type { ReactNode } from "react";

import { Bar } from "../../components/Bar";
import { Failure } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import { Loading } from "../../components/Loading";
import { useTaskCommands } from "../../components/taskCommands";
import { useNow } from "../../components/useNow";
import { useTasks } from "../../live/react";
import { adviceOf } from "../../text/failure";
import { clock, count, counted, duration } from "../../text/format";
import { actionText, STEP_DOES, STEP_NAMES, stepAt, STEPS } from "../../text/parses";
import { barOf, type Face, faceOf } from "../../text/progress";
import { type QueuePlace, queuePlace } from "../../text/taskTime";
import { visible } from "../../text/visible";
import type { EventShape, ParseAttempt, ParseShape, TaskShape } from "../../wire";
import { Paused, Retrying } from "../task/Waiting";

interface Props {
  readonly task: TaskShape;
  readonly parse: ParseShape;
  readonly events: readonly EventShape[];
}

const PANELS: Readonly<Record<Face, (props: Props) => ReactNode>> = {
  queued: InLine,
  retrying: (props) => <Held {...props} as={Retrying} />,
  running: Running,
  paused: (props) => <Held {...props} as={Paused} />,
  completed: Gone,
  failed: Failed,
  cancelled: Cancelled,
};

export function UnderWay(props: Props): ReactNode {
  const Shown = PANELS[faceOf(props.task)];
  return (
    <div data-testid="under-way">
      <Shown {...props} />
      <Attempts attempts={props.parse.attempts} />
    </div>
  );
}

/** As the page of any task says it. */
function Held({ task, events, as: Panel }: Props & { as: typeof Retrying }): ReactNode {
  const commands = useTaskCommands(task);
  return <Panel task={task} events={events} commands={commands} />;
}

function InLine({ task }: Props): ReactNode {
  const now = useNow(1_000);
  const { byId } = useTasks();
  return (
    <section className="card pad note" aria-label="Waiting">
      <p data-testid="place-in-line">
        <b>{lineText(task, queuePlace(task, byId.values(), now), now)}</b> It starts by itself; priority {count(task.priority)}.
      </p>
      <Steps at={-1} />
    </section>
  );
}

/** What it waits for, the first that holds it up. */
function lineText(task: TaskShape, { ahead, running, holder }: QueuePlace, now: number): string {
  const seconds = (Date.parse(task.run_at) - now) / 1000;
  if (seconds > 1) return `Starts in ${duration(seconds)}, at ${clock(task.run_at)}.`;
  if (holder !== null) return "The same page is being parsed now: that may answer this parse too.";
  if (ahead > 0) return `${counted(ahead, "task")} ${ahead === 1 ? "comes" : "come"} first.`;
  return running > 0 ? `It is next: ${counted(running, "task")} ${running === 1 ? "runs" : "run"} now.` : "Waiting for a free worker.";
}

function Running({ task }: Props): ReactNode {
  const { stage, message } = task.progress;
  const at = stepAt(stage);
  const step = STEPS[at];
  // The place in the line for a browser is told by the message alone.
  const does = step === undefined ? "Getting going" : step === "acquiring_browser" ? visible(message) : STEP_DOES[step];
  return (
    <section className="card pad note" aria-label="What it does">
      <p className="wrap">
        <b>{task.is_cancel_requested ? "Cancelling" : does}…</b>
      </p>
      <Bar {...barOf(task)} text={`${does}, ${Math.floor(task.progress.percentage)} %`} label="Progress of the parse" />
      <Steps at={at} />
    </section>
  );
}

/** `at`: the step that runs; those before it are done. */
function Steps({ at }: { at: number }): ReactNode {
  return (
    <ol className="steps" aria-label="Steps" data-testid="steps">
      {STEPS.map((step, index) => {
        const state = index < at ? "done" : index === at ? "runs" : "to come";
        return (
          <li key={step} className={state === "to come" ? "muted" : state} aria-current={index === at ? "step" : undefined}>
            <Icon name={state === "done" ? "check" : state === "runs" ? "busy" : "dash"} className={state === "runs" ? "spin" : ""} />
            {STEP_NAMES[step]}
            <span className="sr">: {state}</span>
          </li>
        );
      })}
    </ol>
  );
}

function Failed({ task, parse }: Props): ReactNode {
  const error = parse.error ?? task.error ?? { code: "internal_error", message: "The parse failed.", details: {} };
  return <Failure error={error} context={{ task_id: task.task_id, url: parse.url }} />;
}

function Cancelled(): ReactNode {
  return (
    <section className="card pad note" aria-label="Cancelled">
      <p>
        <b>It was cancelled.</b> Nothing of the page was kept. “Go on with it” starts it again.
      </p>
    </section>
  );
}

/** Completed, and the page is on its way, or has made room for newer ones. */
function Gone({ parse }: Props): ReactNode {
  if (parse.status !== "completed" || parse.is_kept) return <Loading text="The page is on its way…" />;
  return (
    <section className="card pad note" aria-label="Not kept any more">
      <p>
        <b>This page is not kept any more: it made room for newer ones.</b> “Parse again” loads it anew.
      </p>
    </section>
  );
}

/** What went wrong before, and what was done about it. */
export function Attempts({ attempts }: { attempts: readonly ParseAttempt[] }): ReactNode {
  if (attempts.length === 0) return null;
  return (
    <section className="card attempts-made" aria-labelledby="attempts-made">
      <h2 id="attempts-made" className="pad">
        Attempts that failed
      </h2>
      <ol>
        {attempts.map(({ attempt, error, action, at }) => (
          <li key={attempt} data-testid="attempt" data-action={action}>
            <b className="num">{count(attempt)}</b>
            <span className="num sm muted">{clock(at)}</span>
            <div className="wrap">
              {adviceOf(error).what}: {visible(error.message)} <code className="xs">{visible(error.code)}</code>{" "}
              <b>{actionText(action)}.</b>
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}
