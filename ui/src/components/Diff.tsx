// What differs between two versions of a page: section by section, then its code examples. n and p move through the changes.

import "./diff.css";

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, type RefObject, useRef, useState } from "react";

import { ApiError } from "../data/api";
import { diffQuery } from "../data/changes";
import { utf16Ranges } from "../text/codePoints";
import { type DiffRow, rowsOf } from "../text/diffRows";
import { counted } from "../text/format";
import { anchorHash } from "../text/pageHash";
import { spansOf } from "../text/spans";
import { visible } from "../text/visible";
import type { CodeDiffShape, DiffLineShape, LineKind, PageDiffShape, SectionDiffShape } from "../wire";
import { useApp } from "./app";
import { ChangeBadge } from "./ChangeBadge";
import { Spans } from "./Code";
import { Loaded } from "./Failure";
import { useShortcut } from "./shortcuts";

interface Place {
  readonly sourceId: string;
  readonly pageId: string;
}

export function LoadedDiff({ sourceId, generation, pageId }: Place & { generation: number }): ReactNode {
  const { api } = useApp();
  const query = useQuery(diffQuery(api, sourceId, generation, pageId));
  if (query.error instanceof ApiError && query.error.status === 404) {
    return <p className="card pad muted">One of the two versions is not kept any more, so what differs is not known.</p>;
  }
  return <Loaded query={query}>{(diff) => <PageDiff diff={diff} sourceId={sourceId} pageId={pageId} />}</Loaded>;
}

export function PageDiff({ diff, sourceId, pageId }: Place & { diff: PageDiffShape }): ReactNode {
  const all = useRef<HTMLDivElement>(null);
  const move = useMoves(all);
  const place = diff.change === "removed" ? null : { sourceId, pageId };
  return (
    <div className="page-diff stack" ref={all} data-testid="page-diff">
      <div className="row diff-head">
        <p className="num">{summaryOf(diff)}</p>
        <span className="sp" />
        <span className="row moves">
          <button type="button" className="btn small" onClick={() => move(-1)}>
            Previous <kbd aria-hidden="true">p</kbd>
          </button>
          <button type="button" className="btn small" onClick={() => move(1)}>
            Next change <kbd aria-hidden="true">n</kbd>
          </button>
        </span>
      </div>
      {diff.old_title === null ? null : (
        <p className="card pad wrap" data-change tabIndex={-1}>
          The title was <del>{visible(diff.old_title)}</del> and is <ins>{visible(diff.title)}</ins>.
        </p>
      )}
      {diff.sections.map((section, index) => (
        <SectionDiff key={`${index} ${section.heading_path.join()}`} section={section} place={place} />
      ))}
      {diff.code_examples.length === 0 ? null : <h2>Code examples</h2>}
      {diff.code_examples.map((code, index) => (
        <CodeDiff key={`${index} ${code.change}`} code={code} />
      ))}
      {diff.is_cut ? <p className="muted sm">There is more that differs than is shown here.</p> : null}
    </div>
  );
}

function summaryOf({ lines_added: added, lines_removed: removed, sections, sections_same: same, code_examples: code }: PageDiffShape): string {
  const parts = [
    `${counted(added, "line")} added`,
    `${removed} removed`,
    `${counted(sections.length, "section")} of ${sections.length + same} ${sections.length === 1 ? "differs" : "differ"}`,
    code.length === 0 ? null : `${counted(code.length, "code example")} too`,
  ];
  return parts.filter((part) => part !== null).join(" · ");
}

function SectionDiff({ section, place }: { section: SectionDiffShape; place: Place | null }): ReactNode {
  const { changes, heading_path: path, old_heading_path: oldPath, anchor, lines, is_cut: isCut } = section;
  const name = pathText(path);
  return (
    <section className="card diff" aria-label={name} data-testid="diff-section">
      <DiffBar changes={changes} hasLines={lines.length > 0}>
        <h2 className="wrap">
          {place === null || anchor === null || changes.includes("removed") ? (
            name
          ) : (
            <Link to="/sources/$sourceId/pages/$pageId" params={place} hash={anchorHash(anchor)}>
              {name}
            </Link>
          )}
        </h2>
        {oldPath === null ? null : <span className="muted sm wrap">was {pathText(oldPath)}</span>}
      </DiffBar>
      <DiffLines lines={lines} isCut={isCut} />
    </section>
  );
}

function pathText(path: readonly string[]): string {
  return path.length === 0 ? "Before the first heading" : visible(path.join(" › "));
}

function CodeDiff({ code }: { code: CodeDiffShape }): ReactNode {
  const { change, heading_path: path, language, old_language: oldLanguage, lines, is_cut: isCut } = code;
  const name = path.length === 0 ? "Code example" : `Code in ${visible(path.at(-1) ?? "")}`;
  const isOther = change === "changed" && language !== oldLanguage;
  return (
    <section className="card diff code" aria-label={name} data-testid="diff-code">
      <DiffBar changes={[change]} hasLines={lines.length > 0}>
        <h3 className="wrap">{name}</h3>
        <span className="tag">{visible((change === "removed" ? oldLanguage : language) ?? "plain text")}</span>
        {isOther ? <span className="muted sm">was {visible(oldLanguage ?? "plain text")}</span> : null}
      </DiffBar>
      <DiffLines lines={lines} isCut={isCut} />
    </section>
  );
}

type Changes = SectionDiffShape["changes"] | readonly CodeDiffShape["change"][];

/** Where there are no lines it is itself the change that one moves to. */
function DiffBar({ changes, hasLines, children }: { changes: Changes; hasLines: boolean; children: ReactNode }): ReactNode {
  return (
    <div className="row diff-bar" {...(hasLines ? {} : { "data-change": true, tabIndex: -1 })}>
      {changes.map((change) => (
        <ChangeBadge key={change} change={change} />
      ))}
      {children}
    </div>
  );
}

const FOLDED_ROWS = 60;

function DiffLines({ lines, isCut }: { lines: readonly DiffLineShape[]; isCut: boolean }): ReactNode {
  const [isOpen, setOpen] = useState(false);
  if (lines.length === 0) return null;
  const rows = rowsOf(lines);
  const isFolded = !isOpen && rows.length > FOLDED_ROWS * 1.5;
  return (
    <>
      <ul className="diff-lines">
        {(isFolded ? rows.slice(0, FOLDED_ROWS) : rows).map((row) => (
          <DiffRowLine key={row.key} row={row} />
        ))}
      </ul>
      {isFolded ? (
        <button type="button" className="btn quiet small" onClick={() => setOpen(true)}>
          Show {counted(rows.length - FOLDED_ROWS, "more line")}
        </button>
      ) : null}
      {isCut ? <p className="muted xs diff-cut">The rest of this is not shown.</p> : null}
    </>
  );
}

const KINDS: Readonly<Record<LineKind, { readonly sign: string; readonly said: string }>> = {
  same: { sign: " ", said: "" },
  added: { sign: "+", said: "added: " },
  removed: { sign: "−", said: "removed: " },
};

export function DiffRowLine({ row }: { row: DiffRow }): ReactNode {
  if (row.kind === "gap") return <li className="gap muted xs">{counted(row.count, "line")} as before</li>;
  const { line, isFirstOfRun } = row;
  const { sign, said } = KINDS[line.kind];
  const spans = spansOf(line.text, [], utf16Ranges(line.text, line.marks));
  return (
    <li className={`line ${line.kind}`} data-kind={line.kind} {...(isFirstOfRun ? { "data-change": true, tabIndex: -1 } : {})}>
      <span className="no num" aria-hidden="true">
        {line.old_number}
      </span>
      <span className="no num" aria-hidden="true">
        {line.new_number}
      </span>
      <span className="sign" aria-hidden="true">
        {sign}
      </span>
      <span className="line-text">
        {said === "" ? null : <span className="sr">{said}</span>}
        {line.text === "" ? <span className="sr">empty line</span> : <Spans spans={spans} />}
      </span>
    </li>
  );
}

/** To the next change or the one before: from the one that has the focus, else from what is in view. */
function useMoves(all: RefObject<HTMLElement | null>): (step: 1 | -1) => void {
  const move = (step: 1 | -1): void => {
    const changes = [...(all.current?.querySelectorAll<HTMLElement>("[data-change]") ?? [])];
    const at = changes.findIndex((change) => change === document.activeElement);
    const tops = changes.map((change) => change.getBoundingClientRect().top);
    const next = at >= 0 ? at + step : step > 0 ? tops.findIndex((top) => top > 0) : tops.findLastIndex((top) => top < 0);
    const change = changes[Math.min(changes.length - 1, Math.max(0, next))];
    change?.scrollIntoView({ block: "center" });
    change?.focus({ preventScroll: true });
  };
  useShortcut("n", "Next change", () => move(1));
  useShortcut("p", "Previous change", () => move(-1));
  return move;
}
