// The geometry of plots: pure functions from series to SVG paths.

/** Values over time, ascending. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [at: number, value: number])[];
}

export interface Range {
  readonly from: number;
  readonly to: number;
  readonly top: number;
}

export interface Frame {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What the axes have to cover; null where there is nothing. `areas` are stacked, so their sums count. */
export function valuesRange(series: readonly Series[], kind: "lines" | "areas", top?: number): Range | null {
  const points = series.flatMap((some) => some.points);
  if (points.length === 0) return null;
  const times = points.map(([at]) => at);
  const from = Math.min(...times);
  const to = Math.max(...times);
  const highest = Math.max(...(kind === "areas" ? stacked(series).at(-1)?.map(([, , high]) => high) ?? [0] : points.map(([, value]) => value)));
  return { from, to: to === from ? from + 1 : to, top: top ?? niceTop(highest) };
}

/** The least of 1, 2, 5, 10, 20 … that is not below the value. */
export function niceTop(value: number): number {
  if (value <= 1) return 1;
  const step = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((factor) => factor * step >= value) ?? 10) * step;
}

/** Where grid lines go. */
export function ticksOf(top: number): readonly number[] {
  return [0, top / 2, top];
}

export interface Line {
  readonly path: string;
  readonly dots: readonly (readonly [x: number, y: number])[];
}

const MOST_DOTS = 60;

export function linesOf(series: readonly Series[], range: Range, frame: Frame): readonly Line[] {
  const place = placer(range, frame);
  return series.map(({ points }) => {
    const placed = points.map(([at, value]) => place(at, value));
    const path = placed.map(([x, y], index) => `${index === 0 ? "M" : "L"}${x} ${y}`).join("");
    return { path, dots: placed.length > MOST_DOTS ? [] : placed };
  });
}

/** One closed path for each series, each standing on the one before. */
export function areasOf(series: readonly Series[], range: Range, frame: Frame): readonly string[] {
  const place = placer(range, frame);
  return stacked(series).map((rows) => {
    if (rows.length === 0) return "";
    const upper = rows.map(([at, , high]) => place(at, high));
    const lower = rows.map(([at, low]) => place(at, low)).reverse();
    return `M${[...upper, ...lower].map(([x, y]) => `${x} ${y}`).join("L")}Z`;
  });
}

function stacked(series: readonly Series[]): readonly (readonly [at: number, low: number, high: number])[][] {
  const sums = new Map<number, number>();
  return series.map(({ points }) =>
    points.map(([at, value]) => {
      const low = sums.get(at) ?? 0;
      sums.set(at, low + value);
      return [at, low, low + value] as const;
    }),
  );
}

function placer(range: Range, frame: Frame): (at: number, value: number) => readonly [number, number] {
  return (at, value) => [
    short(frame.x + (frame.width * (at - range.from)) / (range.to - range.from)),
    short(frame.y + frame.height * (1 - Math.min(value, range.top) / range.top)),
  ];
}

function short(value: number): number {
  return Math.round(value * 10) / 10;
}
