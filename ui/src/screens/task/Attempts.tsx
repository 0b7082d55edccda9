// The attempts of a task: when each began, who ran it, what it ended with.

import type { ReactNode } from "react";

import { attemptsOf, type Attempt } from "../../text/attempts";
import { adviceOf } from "../../text/failure";
import { clock, duration } from "../../text/format";
import { visible } from "../../text/visible";
import type { EventShape, TaskShape } from "../../wire";

export function Attempts({ task, events }: { task: TaskShape; events: readonly EventShape[] }): ReactNode {
  const attempts = attemptsOf(events);
  const isCut = (events[0]?.seq ?? 1) > 1;
  if (attempts.length === 0) return <p className="card pad muted">{isCut ? "The attempts are in earlier lines of the log." : "No attempt has begun yet."}</p>;
  return (
    <section className="card" aria-labelledby="attempts">
      <h3 id="attempts" className="pad">
        Attempts
      </h3>
      <ol className="attempts">
        {attempts.map((attempt) => (
          <Line key={attempt.number} attempt={attempt} />
        ))}
      </ol>
      {isCut ? <p className="pad muted sm">Earlier attempts are in earlier lines of the log.</p> : null}
      {task.max_retries > 0 ? (
        <p className="pad muted sm">
          {task.retry_attempts} of {task.max_retries} retries are used.
        </p>
      ) : null}
    </section>
  );
}

function Line({ attempt }: { attempt: Attempt }): ReactNode {
  const { number, startedAt, endedAt, end, error, retryAt, workerId } = attempt;
  const seconds = endedAt === null ? null : (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
  return (
    <li data-testid="attempt">
      <b className="num">{number}</b>
      <span className="num sm muted">
        {clock(startedAt)}
        {seconds === null ? "" : ` · ${duration(seconds)}`}
      </span>
      <div>
        <span>
          {visible(end)}
          {retryAt === null ? "" : ` at ${clock(retryAt)}`}
        </span>
        {error === null ? null : (
          <p className="sm wrap">
            {adviceOf(error).what}: {visible(error.message)} <code className="xs">{visible(error.code)}</code>
          </p>
        )}
      </div>
      <span className="muted xs mono ell">{visible(workerId)}</span>
    </li>
  );
}
