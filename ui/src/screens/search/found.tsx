// What is said above and below the hits: how many, how quick, what was looked for instead, what was not done as asked.

import type { ReactNode } from "react";

import { errorOf, Failure } from "../../components/Failure";
import { correctedPieces } from "../../text/typed";
import { visible } from "../../text/visible";
import { type Change, useChange, useParamsOf } from "./change";
import { limitOf } from "./request";

/** `said` is what a screen reader hears: no more than the number. */
export function Found({ text, said }: { text: string; said: string }): ReactNode {
  return (
    <>
      <p className="muted sm num found" data-testid="found">
        {text}
      </p>
      <p className="sr" role="status">
        {said}
      </p>
    </>
  );
}

export function Corrections({ corrections }: { corrections: Readonly<Record<string, string>> }): ReactNode {
  const { q = "" } = useParamsOf();
  const change = useChange();
  if (Object.keys(corrections).length === 0) return null;
  return (
    <p className="said" data-testid="corrections">
      Showing hits for{" "}
      {correctedPieces(q, corrections).map(({ text, isCorrected }, index) =>
        isCorrected ? <b key={index}>{visible(text)}</b> : <span key={index}>{visible(text)}</span>,
      )}
      .{" "}
      <button type="button" className="link" onClick={() => change({ typos: "off" })}>
        Search for “{visible(q)}” only
      </button>
    </p>
  );
}

export function Notes({ notes }: { notes: readonly string[] }): ReactNode {
  return notes.map((note) => (
    <p key={note} className="said" data-testid="note">
      {visible(note)}
    </p>
  ));
}

const NEXT = { 20: "50", 50: "100" } as const;

/** More of them, where there may be more. */
export function MoreHits({ count }: { count: number }): ReactNode {
  const params = useParamsOf();
  const change = useChange();
  const limit = limitOf(params);
  if (count < limit || (limit !== 20 && limit !== 50)) return null;
  return (
    <p className="row more">
      <button type="button" className="btn small" onClick={() => change({ limit: NEXT[limit], hit: params.hit }, { replace: true })}>
        Show the best {NEXT[limit]}
      </button>
    </p>
  );
}

/** What can be done about an error is offered: what is asked for stays in the field. */
export function SearchFailure({ error, onRetry }: { error: Error; onRetry: () => void }): ReactNode {
  const change = useChange();
  const body = errorOf(error);
  const ways: [string, Change][] = [];
  if (body.code === "not_found") ways.push(["Search all sources", { source: undefined }]);
  if (body.code === "invalid_field" && body.details.field === "mode") ways.push(["Search by words", { mode: "keyword" }]);
  return (
    <Failure error={body} survived="What you typed and the filters are still there.">
      <p className="row">
        {ways.map(([label, way]) => (
          <button key={label} type="button" className="btn pri" onClick={() => change(way)}>
            {label}
          </button>
        ))}
        <button type="button" className="btn" onClick={onRetry}>
          Try again
        </button>
      </p>
    </Failure>
  );
}
