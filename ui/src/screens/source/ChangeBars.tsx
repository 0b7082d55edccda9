// How many pages each refresh added, changed and removed, as small bars: told apart by hatching as well as by colour.

import { type ReactNode, useId } from "react";

import { counted, dateAndTime } from "../../text/format";
import { niceTop } from "../../text/plot";
import type { GenerationChanges, PageChange } from "../../wire";

const MOST = 40;
const HEIGHT = 72;
const STEP = 22;
const BAR = 14;
const KINDS: readonly PageChange[] = ["added", "changed", "removed"];
const HATCHES: Readonly<Record<PageChange, string>> = { added: "", changed: "M0 6 6 0", removed: "M0 0 6 6M0 6 6 0" };

/** The newest refreshes that were compared with what was before, the oldest first. */
export function ChangeBars({ generations }: { generations: readonly GenerationChanges[] }): ReactNode {
  const id = useId();
  const told = generations.flatMap((one) => (one.pages === null || one.base === null ? [] : [{ ...one, pages: one.pages }])).slice(0, MOST).reverse();
  if (told.length < 2) return null;
  const top = niceTop(Math.max(...told.map(({ pages }) => pages.added + pages.changed + pages.removed)));
  return (
    <figure className="change-bars">
      <svg viewBox={`0 0 ${told.length * STEP} ${HEIGHT}`} width={told.length * STEP} height={HEIGHT} role="img" aria-label={`Pages that the last ${told.length} refreshes changed, ${top} at most`}>
        <Hatches id={id} />
        {told.map(({ number, pages, completed_at: at, created_at: begun }, index) => (
          <Bar key={number} id={id} x={index * STEP + (STEP - BAR) / 2} top={top} pages={pages} title={`Generation ${number}, ${dateAndTime(at ?? begun)}`} />
        ))}
        <path className="axis" d={`M0 ${HEIGHT - 0.5}h${told.length * STEP}`} />
      </svg>
      <figcaption className="row sm">
        <span className="muted">{counted(told.length, "refresh", "refreshes")}, the newest on the right</span>
        {KINDS.map((kind) => (
          <span key={kind} className={`row bar-${kind}`}>
            <svg width={14} height={12} aria-hidden="true">
              <Piece id={id} kind={kind} x={0} y={0} height={12} />
            </svg>
            <span className="bar-name">{kind}</span>
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

interface BarProps {
  readonly id: string;
  readonly x: number;
  readonly top: number;
  readonly pages: Readonly<Record<PageChange, number>>;
  readonly title: string;
}

function Bar({ id, x, top, pages, title }: BarProps): ReactNode {
  // What is there is seen, however little it is.
  const heights = KINDS.map((kind) => (pages[kind] === 0 ? 0 : Math.max(2, ((HEIGHT - 6) * pages[kind]) / top)));
  const topOf = (index: number): number => HEIGHT - 1 - heights.slice(0, index + 1).reduce((sum, height) => sum + height, 0);
  return (
    <g>
      <title>{`${title}: ${pages.added} added, ${pages.changed} changed, ${pages.removed} removed`}</title>
      <rect x={x} y={0} width={BAR} height={HEIGHT} fill="transparent" />
      {KINDS.map((kind, index) => (
        <Piece key={kind} id={id} kind={kind} x={x} y={topOf(index)} height={heights[index] ?? 0} />
      ))}
    </g>
  );
}

function Piece({ id, kind, x, y, height }: { id: string; kind: PageChange; x: number; y: number; height: number }): ReactNode {
  return (
    <g className={`bar-${kind}`}>
      <rect className="bar" x={x} y={y} width={BAR} height={height} />
      {HATCHES[kind] === "" ? null : <rect x={x} y={y} width={BAR} height={height} fill={`url(#${id}-${kind})`} />}
    </g>
  );
}

function Hatches({ id }: { id: string }): ReactNode {
  return (
    <defs>
      {KINDS.filter((kind) => HATCHES[kind] !== "").map((kind) => (
        <pattern key={kind} id={`${id}-${kind}`} width={6} height={6} patternUnits="userSpaceOnUse">
          <path className="bar-hatch" d={HATCHES[kind]} />
        </pattern>
      ))}
    </defs>
  );
}
