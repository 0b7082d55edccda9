// The lines from before those that a task's page begins with: read when somebody asks for them.

import { type ReactNode, useState } from "react";

import { useApp } from "../../components/app";
import { InlineError } from "../../components/Failure";
import { logLines } from "../../data/taskLog";
import type { ProgressState } from "../../live/progress";
import { useLive } from "../../live/react";
import { count } from "../../text/format";

const STEP = 200;

export interface Older {
  readonly hasOlder: boolean;
  /** Number of the first line that is here. */
  readonly first: number;
  /** Number of the first line that the server still has. */
  readonly kept: number;
  readonly reading: { readonly got: number; readonly of: number } | null;
  readonly error: Error | null;
  /** Reads back to the line `from`. */
  readonly load: (from: number) => void;
}

export function useOlder({ events, taskId, task }: ProgressState): Older {
  const { api } = useApp();
  const live = useLive();
  const [reading, setReading] = useState<Older["reading"]>(null);
  const [error, setError] = useState<Error | null>(null);
  const first = events[0]?.seq ?? 1;
  const kept = Math.max(1, task?.first_seq ?? 1);
  const load = async (wanted: number): Promise<void> => {
    const from = Math.max(kept, wanted);
    const of = first - from;
    if (of <= 0) return;
    setReading({ got: 0, of });
    setError(null);
    try {
      live.addOlder(taskId, await logLines(api, taskId, { from, to: first - 1, tell: (got) => setReading({ got, of }) }));
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause;
      setError(cause);
    }
    setReading(null);
  };
  return { hasOlder: first > kept, first, kept, reading, error, load: (from) => void load(from) };
}

export function OlderLines({ older }: { older: Older }): ReactNode {
  const { hasOlder, first, kept, reading, error, load } = older;
  if (!hasOlder) return kept > 1 ? <div className="log-older xs muted">lines 1 to {count(kept - 1)} are no longer kept</div> : null;
  return (
    <div className="log-older xs muted">
      {reading === null ? (
        <>
          lines {count(kept)} to {count(first - 1)} are not shown ·{" "}
          <button type="button" className="link" onClick={() => load(first - STEP)}>
            load {STEP} earlier lines
          </button>{" "}
          ·{" "}
          <button type="button" className="link" onClick={() => load(kept)} data-testid="load-all">
            load all
          </button>
        </>
      ) : (
        `reading earlier lines: ${count(reading.got)} of ${count(reading.of)}`
      )}
      <InlineError error={error} />
    </div>
  );
}
