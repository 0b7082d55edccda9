// A task's log: only the lines in view are in the document, it follows the newest until the reader scrolls up.

import "./log.css";

import { useNavigate, useRouterState, useSearch } from "@tanstack/react-router";
import { type KeyboardEvent, type ReactNode, type RefObject, useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";

import { useShortcut } from "../../components/shortcuts";
import type { ProgressState } from "../../live/progress";
import { count } from "../../text/format";
import { found, type Row, rowsOf } from "../../text/log";
import { LineDetail, LogRow } from "./LogLine";
import { type Older, OlderLines, useOlder } from "./olderLines";

const ROW_PX = 22;
const OVERSCAN = 8;
/** Before a line that is linked to, so many more are read. */
const CONTEXT_LINES = 100;
const STEPS: Readonly<Partial<Record<string, number>>> = { ArrowDown: 1, ArrowUp: -1 };

interface Props {
  readonly progress: ProgressState;
  readonly isErrorsOnly: boolean;
}

type Box = RefObject<HTMLDivElement | null>;

export function LogView({ progress, isErrorsOnly }: Props): ReactNode {
  const { events, dividers } = progress;
  const { find = "" } = useSearch({ from: "/activity/$taskId" });
  const wanted = useDeferredValue(find); // the field is written in before 50,000 lines are searched
  const rows = useMemo(
    () => found(rowsOf(events, dividers, isErrorsOnly), wanted),
    [events, dividers, isErrorsOnly, wanted],
  );
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 420 });
  const { linked, link } = useLinkedLine();
  const lastSeq = progress.lastSeq ?? 0;
  const [followed, setFollowed] = useState({ isOn: linked === null, seq: lastSeq });
  const older = useOlder(progress);
  const cursor = useCursor(box, rows, linked, link);

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
  useAllWhenSearching(isErrorsOnly || find !== "", older);

  const look = (): void => {
    if (box.current === null) return;
    const { scrollTop, clientHeight, scrollHeight } = box.current;
    setView({ top: scrollTop, height: clientHeight });
    const isAtEnd = scrollHeight - scrollTop - clientHeight < ROW_PX * 1.5;
    if (isAtEnd !== followed.isOn) setFollowed({ isOn: isAtEnd, seq: lastSeq });
  };
  const close = (): void => {
    link(null);
    cursor.focus();
  };
  const selected = linked === null ? undefined : events.find((event) => event.seq === linked);
  return (
    <div
      className="log-frame"
      onKeyDown={(event) => {
        if (event.key === "Escape" && selected !== undefined) close();
      }}
    >
      <Find find={find} matches={rows.filter((row) => row.kind === "line").length} />
      <OlderLines older={older} />
      <div
        ref={box}
        className="log mono"
        role="log"
        aria-live="off"
        aria-label="Log"
        tabIndex={0}
        onScroll={look}
        onKeyDown={(event) => {
          if (cursor.move(event)) look();
        }}
      >
        <Lines rows={rows} view={view} linked={linked} cursor={cursor.index} />
        {rows.length === 0 ? <p className="muted log-none">{emptyText(isErrorsOnly, find)}</p> : null}
      </div>
      {followed.isOn ? null : <JumpToNewest fresh={lastSeq - followed.seq} onJump={follow} />}
      {selected === undefined ? null : <LineDetail event={selected} onClose={close} />}
    </div>
  );
}

function emptyText(isErrorsOnly: boolean, find: string): string {
  if (find !== "") return isErrorsOnly ? "No error has these words." : "No line has these words.";
  return isErrorsOnly ? "No errors so far." : "No lines yet.";
}

interface LinesProps {
  readonly rows: readonly Row[];
  readonly view: { readonly top: number; readonly height: number };
  readonly linked: number | null;
  readonly cursor: number;
}

/** The lines in view, and the one with the cursor wherever it is: the focus must not vanish with it. */
function Lines({ rows, view, linked, cursor }: LinesProps): ReactNode {
  const start = Math.max(0, Math.floor(view.top / ROW_PX) - OVERSCAN);
  const end = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW_PX) + OVERSCAN);
  const drawn = Array.from({ length: Math.max(0, end - start) }, (_, index) => start + index);
  if (cursor >= 0 && cursor < start) drawn.unshift(cursor);
  if (cursor >= end) drawn.push(cursor);
  return (
    <ol style={{ height: rows.length * ROW_PX }}>
      {drawn.map((index) => {
        const row = rows[index];
        if (row === undefined) return null;
        const isLinked = row.kind === "line" && row.event.seq === linked;
        return <LogRow key={keyOf(row)} row={row} top={index * ROW_PX} isLinked={isLinked} isCursor={index === cursor} />;
      })}
    </ol>
  );
}

function Find({ find, matches }: { find: string; matches: number }): ReactNode {
  const navigate = useNavigate({ from: "/activity/$taskId" });
  const search = (text: string): void => {
    const searched = (given: object): object =>
      Object.fromEntries(Object.entries({ ...given, find: text }).filter(([, value]) => value !== ""));
    void navigate({ search: searched, hash: true, replace: true, resetScroll: false });
  };
  return (
    <div className="log-find" role="search" aria-label="Search the log">
      <input
        className="in small"
        type="search"
        aria-label="Search within the log"
        placeholder="Search within the log"
        value={find}
        onChange={(event) => search(event.target.value)}
      />
      <span className="muted xs num" role="status">
        {find === "" ? "" : `${count(matches)} found`}
      </span>
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

interface Linked {
  /** The line that the URL's hash names, null when none. */
  readonly linked: number | null;
  readonly link: (seq: number | null) => void;
}

function useLinkedLine(): Linked {
  const hash = useRouterState({ select: ({ location }) => location.hash });
  const navigate = useNavigate({ from: "/activity/$taskId" });
  const seq = /^line-(\d+)$/.exec(hash)?.[1];
  const link = (wanted: number | null): void => {
    const next = wanted === null ? "" : `line-${wanted}`;
    void navigate({ search: true, hash: next, replace: true, resetScroll: false, hashScrollIntoView: false });
  };
  return { linked: seq === undefined ? null : Number(seq), link };
}

interface Cursor {
  /** Of the row that Tab reaches. */
  readonly index: number;
  /** Whether the key was one that moves. */
  readonly move: (event: KeyboardEvent) => boolean;
  readonly focus: () => void;
}

/** The arrow keys go from line to line; an open detail goes with them. */
function useCursor(box: Box, rows: readonly Row[], linked: number | null, link: (seq: number) => void): Cursor {
  const [seq, setSeq] = useState<number | null>(null);
  const wantsFocus = useRef(false);
  const at = useMemo(() => {
    const index = rows.findLastIndex((row) => row.kind === "line" && row.event.seq === (seq ?? linked));
    return index >= 0 ? index : rows.length - 1;
  }, [rows, seq, linked]);
  const focus = (): void => box.current?.querySelector<HTMLElement>("a[tabindex='0']")?.focus({ preventScroll: true });
  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    box.current?.querySelector<HTMLElement>("a[tabindex='0']")?.focus({ preventScroll: true });
  }, [box, at]);
  const move = (event: KeyboardEvent): boolean => {
    const step = STEPS[event.key];
    if (step === undefined) return false;
    event.preventDefault();
    const isOnLine = event.target instanceof HTMLAnchorElement;
    let next = isOnLine ? at + step : at;
    while (rows[next]?.kind === "divider") next += step;
    const row = rows[next];
    if (row?.kind !== "line") return false;
    setSeq(row.event.seq);
    if (linked !== null) link(row.event.seq);
    if (next === at) focus();
    else wantsFocus.current = true;
    bringIntoView(box, next);
    return true;
  };
  return { index: at, move, focus };
}

function bringIntoView(box: Box, index: number): void {
  const { scrollTop = 0, clientHeight = 0 } = box.current ?? {};
  const top = index * ROW_PX;
  if (top < scrollTop) box.current?.scrollTo({ top });
  else if (top > scrollTop + clientHeight - ROW_PX) box.current?.scrollTo({ top: top - clientHeight + ROW_PX });
}

/** Lines that come in at the top push nothing away: the place that is read stays. */
function useKeptPlace(box: Box, firstSeq: number | undefined, rows: readonly Row[], isFollowing: boolean): void {
  const before = useRef<{ firstSeq: number | undefined; size: number }>({ firstSeq: undefined, size: 0 });
  useLayoutEffect(() => {
    const { firstSeq: was, size } = before.current;
    before.current = { firstSeq, size: rows.length };
    if (isFollowing || was === undefined || firstSeq === undefined || firstSeq >= was) return;
    box.current?.scrollBy({ top: (rows.length - size) * ROW_PX });
  }, [box, firstSeq, rows, isFollowing]);
}

function useScrollToLine(box: Box, rows: readonly Row[], linked: number | null, older: Older): void {
  const shown = useRef<number | null>(null);
  useEffect(() => {
    if (linked === null || shown.current === linked || rows.length === 0) return;
    const index = rows.findIndex((row) => row.kind === "line" && row.event.seq === linked);
    if (index >= 0) {
      shown.current = linked;
      const { scrollTop = 0, clientHeight = 0 } = box.current ?? {};
      const top = index * ROW_PX;
      if (top < scrollTop || top > scrollTop + clientHeight - ROW_PX) box.current?.scrollTo({ top: top - clientHeight / 2 });
    } else if (linked < older.first && older.hasOlder && older.reading === null && older.error === null) {
      older.load(linked - CONTEXT_LINES);
    }
  }, [box, rows, linked, older]);
}

/** What is not here can't be found: a search and "errors only" read the whole log. */
function useAllWhenSearching(isSearching: boolean, older: Older): void {
  useEffect(() => {
    if (isSearching && older.hasOlder && older.reading === null && older.error === null) older.load(older.kept);
  }, [isSearching, older]);
}

function keyOf(row: Row): string {
  return row.kind === "line" ? `line-${row.event.seq}` : `divider-${row.divider.lostAt}`;
}
