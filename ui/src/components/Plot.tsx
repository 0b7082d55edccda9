// Values over time as SVG. Told apart by line style, marker and hatching as well as by colour; the numbers are in a table.

import { type ReactNode, useId } from "react";

import { areasOf, linesOf, type Series, ticksOf, valuesRange } from "../text/plot";
import { clock, dateAndTime } from "../text/format";

interface Props {
  readonly label: string;
  readonly series: readonly Series[];
  readonly kind: "lines" | "areas";
  /** How a value is written, on the axis and in the table. */
  readonly format: (value: number) => string;
  /** The highest value of the axis, where it is known: 1 for shares. */
  readonly top?: number;
  /** Moments to be marked by a line and a word. */
  readonly marks?: readonly { readonly at: number; readonly label: string }[];
}

const WIDTH = 720;
const HEIGHT = 180;
const LEFT = 44;
const BOTTOM = 22;
const TOP = 8;
const DAY_MS = 86_400_000;

export function Plot({ label, series, kind, format, top, marks = [] }: Props): ReactNode {
  const id = useId();
  const range = valuesRange(series, kind, top);
  if (range === null) return <p className="muted">Nothing to plot yet.</p>;
  const frame = { x: LEFT, y: TOP, width: WIDTH - LEFT - 8, height: HEIGHT - TOP - BOTTOM };
  const isLong = range.to - range.from > DAY_MS;
  const when = isLong ? dateAndTime : clock;
  return (
    <figure className="plot">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-labelledby={`${id}-label`}>
        <title id={`${id}-label`}>{label}</title>
        <Hatches id={id} count={series.length} />
        {ticksOf(range.top).map((value) => {
          const y = frame.y + frame.height * (1 - value / range.top);
          return (
            <g key={value}>
              <line className="grid" x1={frame.x} x2={frame.x + frame.width} y1={y} y2={y} />
              <text x={frame.x - 6} y={y + 4} textAnchor="end">
                {format(value)}
              </text>
            </g>
          );
        })}
        <text x={frame.x} y={HEIGHT - 6}>
          {when(range.from)}
        </text>
        <text x={frame.x + frame.width} y={HEIGHT - 6} textAnchor="end">
          {when(range.to)}
        </text>
        {marks.map(({ at, label: word }) => {
          const x = frame.x + (frame.width * (at - range.from)) / (range.to - range.from);
          const isLate = x > frame.x + frame.width - 60;
          return (
            <g key={at} className="moment">
              <line x1={x} x2={x} y1={frame.y} y2={frame.y + frame.height} />
              <text x={isLate ? x - 4 : x + 4} y={frame.y + 10} textAnchor={isLate ? "end" : "start"}>
                {word}
              </text>
            </g>
          );
        })}
        {kind === "areas"
          ? areasOf(series, range, frame).map((path, index) => (
              <g key={series[index]?.name} className={`series-${index}`}>
                <path className="area" d={path} />
                <path d={path} fill={`url(#${id}-${index})`} />
              </g>
            ))
          : linesOf(series, range, frame).map(({ path, dots }, index) => (
              <g key={series[index]?.name} className={`series-${index}`}>
                <path className="line" d={path} />
                {dots.map(([x, y]) => (
                  <Marker key={x} index={index} x={x} y={y} />
                ))}
              </g>
            ))}
      </svg>
      <figcaption>
        <Legend id={id} series={series} kind={kind} format={format} />
        <details>
          <summary className="sm">As a table</summary>
          <div className="table-frame" tabIndex={0} role="region" aria-label={`${label}: numbers`}>
            <Numbers series={series} when={when} format={format} />
          </div>
        </details>
      </figcaption>
    </figure>
  );
}

const MARKS = 4;

function Marker({ index, x, y }: { index: number; x: number; y: number }): ReactNode {
  switch (index % MARKS) {
    case 0:
      return <circle className="mark" cx={x} cy={y} r={3} />;
    case 1:
      return <rect className="mark" x={x - 3} y={y - 3} width={6} height={6} />;
    case 2:
      return <path className="mark" d={`M${x} ${y - 4}l4 7h-8z`} />;
    default:
      return <path className="mark" d={`M${x} ${y - 4}l4 4-4 4-4-4z`} />;
  }
}

const HATCHES = ["", "M0 6 6 0", "M0 0 6 6", "M3 0v6", "M0 3h6", "M0 6 6 0M0 0l6 6"];

function Hatches({ id, count }: { id: string; count: number }): ReactNode {
  return (
    <defs>
      {HATCHES.slice(0, count).map((path, index) => (
        <pattern key={path} id={`${id}-${index}`} width={6} height={6} patternUnits="userSpaceOnUse">
          <path className="hatch" d={path} />
        </pattern>
      ))}
    </defs>
  );
}

function Legend({ id, series, kind, format }: Pick<Props, "series" | "kind" | "format"> & { id: string }): ReactNode {
  return (
    <ul className="legend sm">
      {series.map((some, index) => {
        const last = some.points.at(-1)?.[1];
        return (
          <li key={some.name} className={`series-${index}`}>
            <svg viewBox="0 0 22 12" aria-hidden="true">
              {kind === "areas" ? (
                <>
                  <rect className="area" width={22} height={12} />
                  <rect width={22} height={12} fill={`url(#${id}-${index})`} />
                </>
              ) : (
                <>
                  <path className="line" d="M0 6h22" />
                  <Marker index={index} x={11} y={6} />
                </>
              )}
            </svg>
            {some.name}
            {last === undefined ? null : <span className="num muted">{format(last)}</span>}
          </li>
        );
      })}
    </ul>
  );
}

function Numbers({ series, when, format }: Pick<Props, "series" | "format"> & { when: (at: number) => string }): ReactNode {
  const times = [...new Set(series.flatMap((some) => some.points.map(([at]) => at)))].sort((a, b) => a - b);
  const valueOf = series.map((some) => new Map(some.points));
  return (
    <table className="numbers sm num">
      <thead>
        <tr>
          <th scope="col">When</th>
          {series.map((some) => (
            <th key={some.name} scope="col">
              {some.name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {times.map((at) => (
          <tr key={at}>
            <th scope="row">{when(at)}</th>
            {valueOf.map((values, index) => {
              const value = values.get(at);
              return <td key={series[index]?.name}>{value === undefined ? "" : format(value)}</td>;
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
