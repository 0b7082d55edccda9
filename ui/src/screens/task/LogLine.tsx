// One row of the log, and what a line says in full.

import { type ReactNode, useEffect, useRef } from "react";

import { CopyButton } from "../../components/buttons";
import { clock } from "../../text/format";
import { dividerText, type Row } from "../../text/log";
import { visible } from "../../text/visible";
import type { EventShape } from "../../wire";

interface RowProps {
  readonly row: Row;
  readonly top: number;
  readonly isLinked: boolean;
  /** One line of the log can be reached with Tab; the arrow keys lead to the others. */
  readonly isCursor: boolean;
}

export function LogRow({ row, top, isLinked, isCursor }: RowProps): ReactNode {
  const style = { transform: `translateY(${top}px)` };
  if (row.kind === "divider") {
    return (
      <li className="sep xs" style={style} data-testid="log-divider">
        {dividerText(row.divider)}
      </li>
    );
  }
  const { event, level } = row;
  return (
    <li
      className={`${level}${isLinked ? " linked" : ""}`}
      style={style}
      data-testid="log-line"
      data-seq={event.seq}
      data-type={event.type}
    >
      <a
        className="num"
        href={`#line-${event.seq}`}
        aria-label={`Line ${event.seq}`}
        aria-current={isLinked ? "true" : undefined}
        tabIndex={isCursor ? 0 : -1}
      >
        {event.seq}
      </a>
      <time className="muted" dateTime={event.at}>
        {clock(event.at)}
      </time>
      <span className="level">{level}</span>
      <span className="ell">{visible(event.message)}</span>
    </li>
  );
}

export function LineDetail({ event, onClose }: { event: EventShape; onClose: () => void }): ReactNode {
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    // Braces: newer browsers give a promise, which React would take for the way to undo the effect.
    box.current?.scrollIntoView({ block: "nearest" });
  }, [event.seq]);
  return (
    <section ref={box} className="line-detail" aria-label={`Line ${event.seq}`} data-testid="line-detail">
      <p className="wrap" role="status">
        <b>Line {event.seq}</b> <span className="muted">{event.type}</span> {visible(event.message)}
      </p>
      <pre tabIndex={0} aria-label="Its data">
        {visible(JSON.stringify(event.data, null, 2))}
      </pre>
      <p className="row">
        <CopyButton text={location.href} label="Copy link" />
        <CopyButton text={JSON.stringify(event, null, 2)} label="Copy line" />
        <button type="button" className="btn quiet small" onClick={onClose}>
          Close <kbd>Esc</kbd>
        </button>
      </p>
    </section>
  );
}
