// A task's log: only the lines in view are in the document, it follows the newest until the reader scrolls up.

import { useNavigate, useRouterState } from "@tanstack/react-router";
import { type ReactNode, type RefObject, type UIEvent, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";

import { useLive } from "../../live/react";
import type { ProgressState } from "../../live/progress";
import { clock, count } from "../../text/format";
import { dividerText, type Row, rowsOf } from "../../text/log";
import { visible } from "../../text/visible";
import type { EventShape } from "../../wire";
import { useApp } from "../../components/app";
import { CopyButton } from "../../components/buttons";
import { InlineError } from "../../components/Failure";
import { useShortcut } from "../../components/shortcuts";
import { olderEvents } from "../../data/tasks";

const ROW_PX = 22;
const OVERSCAN = 12;
const OLDER_LINES = 200;
/** To reach a line that is linked to, more is fetched at once. */
const OLDER_TO_LINK = 500;

interface Props {
  readonly progress: ProgressState;
  readonly isErrorsOnly: boolean;
}

export function LogView({ progress, isErrorsOnly }: Props): ReactNode {
  const { events, dividers, taskId } = progress;
  const rows = useMemo(() => rowsOf(events, dividers, isErrorsOnly), [events, dividers, isErrorsOnly]);
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 420 });
  const linked = useLinkedLine();
  const [followed, setFollowed] = useState({ isOn: linked === null, seq: progress.lastSeq ?? 0 });
  const older = useOlder(progress);
  const lastSeq = progress.lastSeq ?? 0;

  const follow = (): void => {
    setFollowed({ isOn: true, seq: lastSeq });
    box.current?.scrollTo({ top: rows.length * ROW_PX });
  };
  useShortcut("f", "Follow the log", follow);
  useLayoutEffect(() => {
    if (followed.isOn) box.current?.scrollTo({ top: rows.length * ROW_PX });
  }, [followed.isOn, rows.length]);
  useKeptPlace(box, events[0]?.seq, rows, followed.isOn);
  useScrollToLine(box, rows, linked, older);

  const onScroll = (event: UIEvent<HTMLDivElement>): void => {
    const { scrollTop, clientHeight, scrollHeight } = event.currentTarget;
    setView({ top: scrollTop, height: clientHeight });
    const isAtEnd = scrollHeight - scrollTop - clientHeight < ROW_PX * 1.5;
    if (isAtEnd !== followed.isOn) setFollowed({ isOn: isAtEnd, seq: lastSeq });
  };

  const start = Math.max(0, Math.floor(view.top / ROW_PX) - OVERSCAN);
  const end = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW_PX) + OVERSCAN);
  const selected = linked === null ? undefined : events.find((event) => event.seq === linked);
  return (
    <div className="log-frame">
      <OlderLines older={older} first={events[0]?.seq ?? 1} />
      <div ref={box} className="log mono" role="log" aria-live="off" aria-label="Log" tabIndex={0} onScroll={onScroll}>
        <ol style={{ height: rows.length * ROW_PX }}>
          {rows.slice(start, end).map((row, index) => (
            <LogRow key={keyOf(row)} row={row} top={(start + index) * ROW_PX} linked={linked} />
          ))}
        </ol>
        {rows.length === 0 ? <p className="muted log-none">{isErrorsOnly ? "No errors so far." : "No lines yet."}</p> : null}
      </div>
      {followed.isOn ? null : <JumpToNewest fresh={lastSeq - followed.seq} onJump={follow} />}
      {selected === undefined ? null : <LineDetail event={selected} taskId={taskId} />}
    </div>
  );
}

function OlderLines({ older, first }: { older: Older; first: number }): ReactNode {
  if (!older.hasOlder) return null;
  return (
    <div className="log-older xs muted">
      lines 1 to {count(first - 1)} are not shown ·{" "}
      <button type="button" className="link" disabled={older.isLoading} onClick={() => older.load(OLDER_LINES)}>
        {older.isLoading ? "loading…" : `load ${OLDER_LINES} earlier lines`}
      </button>
      <InlineError error={older.error} />
    </div>
  );
}

function JumpToNewest({ fresh, onJump }: { fresh: number; onJump: () => void }): ReactNode {
  return (
    <div className="jump">
      <button type="button" className="btn pri small" onClick={onJump} data-testid="jump-to-newest">
        Jump to newest{fresh > 0 ? ` (${count(fresh)} new)` : ""}
      </button>
    </div>
  );
}

function LogRow({ row, top, linked }: { row: Row; top: number; linked: number | null }): ReactNode {
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
      className={`${level}${event.seq === linked ? " linked" : ""}`}
      style={style}
      data-testid="log-line"
      data-seq={event.seq}
      data-type={event.type}
    >
      <a className="num" href={`#line-${event.seq}`} aria-label={`Line ${event.seq}`}>
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

function LineDetail({ event, taskId }: { event: EventShape; taskId: string }): ReactNode {
  const navigate = useNavigate();
  const box = useRef<HTMLElement>(null);
  useEffect(() => box.current?.scrollIntoView({ block: "nearest" }), [event.seq]);
  const close = (): void => {
    void navigate({ to: "/activity/$taskId", params: { taskId }, search: true, hash: "", replace: true });
  };
  return (
    <section ref={box} className="line-detail" aria-label={`Line ${event.seq}`}>
      <p className="wrap">
        <b>Line {event.seq}</b> <span className="muted">{event.type}</span> {visible(event.message)}
      </p>
      <pre>{visible(JSON.stringify(event.data, null, 2))}</pre>
      <p className="row">
        <CopyButton text={location.href} label="Copy link" />
        <CopyButton text={JSON.stringify(event, null, 2)} label="Copy line" />
        <button type="button" className="btn quiet small" onClick={close}>
          Close
        </button>
      </p>
    </section>
  );
}

/** The line that the URL's hash names, null when none. */
function useLinkedLine(): number | null {
  const hash = useRouterState({ select: ({ location }) => location.hash });
  const seq = /^line-(\d+)$/.exec(hash)?.[1];
  return seq === undefined ? null : Number(seq);
}

interface Older {
  readonly hasOlder: boolean;
  readonly isLoading: boolean;
  readonly error: Error | null;
  readonly load: (lines: number) => void;
}

function useOlder({ events, taskId }: ProgressState): Older {
  const { api } = useApp();
  const live = useLive();
  const [state, setState] = useState<{ isLoading: boolean; error: Error | null }>({ isLoading: false, error: null });
  const first = events[0]?.seq ?? 1;
  const load = async (lines: number): Promise<void> => {
    setState({ isLoading: true, error: null });
    try {
      const { items } = await olderEvents(api, taskId, first, lines);
      live.addOlder(taskId, items);
      setState({ isLoading: false, error: null });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      setState({ isLoading: false, error });
    }
  };
  return { hasOlder: first > 1, ...state, load: (lines) => void load(lines) };
}

/** Lines that come in at the top push nothing away: the place that is read stays. */
function useKeptPlace(
  box: RefObject<HTMLDivElement | null>,
  firstSeq: number | undefined,
  rows: readonly Row[],
  isFollowing: boolean,
): void {
  const before = useRef<{ firstSeq: number | undefined; size: number }>({ firstSeq: undefined, size: 0 });
  useLayoutEffect(() => {
    const { firstSeq: was, size } = before.current;
    before.current = { firstSeq, size: rows.length };
    if (isFollowing || was === undefined || firstSeq === undefined || firstSeq >= was) return;
    box.current?.scrollBy({ top: (rows.length - size) * ROW_PX });
  }, [box, firstSeq, rows, isFollowing]);
}

function useScrollToLine(
  box: RefObject<HTMLDivElement | null>,
  rows: readonly Row[],
  linked: number | null,
  older: Older,
): void {
  const shown = useRef<number | null>(null);
  useEffect(() => {
    if (linked === null || shown.current === linked || rows.length === 0) return;
    const index = rows.findIndex((row) => row.kind === "line" && row.event.seq === linked);
    if (index >= 0) {
      shown.current = linked;
      const { scrollTop = 0, clientHeight = 0 } = box.current ?? {};
      const top = index * ROW_PX;
      if (top < scrollTop || top > scrollTop + clientHeight - ROW_PX) box.current?.scrollTo({ top: top - clientHeight / 2 });
    } else if (older.hasOlder && !older.isLoading && older.error === null) {
      older.load(OLDER_TO_LINK);
    }
  }, [box, rows, linked, older]);
}

function keyOf(row: Row): string {
  return row.kind === "line" ? `line-${row.event.seq}` : `divider-${row.divider.lostAt}`;
}
