import { describe, expect, it } from "vitest";

import { areasOf, linesOf, niceTop, ticksOf, valuesRange } from "./plot";

const FRAME = { x: 0, y: 0, width: 100, height: 50 };
const QUEUED = { name: "queued", points: [[0, 2], [10, 4]] } as const;
const RUNNING = { name: "running", points: [[0, 1], [10, 1]] } as const;

describe("axes", () => {
  it("end at a round number", () => {
    expect([0, 0.4, 1, 1.5, 3, 7, 12, 51, 100].map(niceTop)).toEqual([1, 1, 1, 2, 5, 10, 20, 100, 100]);
    expect(ticksOf(20)).toEqual([0, 10, 20]);
  });

  it("cover sums where areas are stacked, and single values where lines are drawn", () => {
    expect(valuesRange([QUEUED, RUNNING], "areas")).toEqual({ from: 0, to: 10, top: 5 });
    expect(valuesRange([QUEUED, RUNNING], "lines")).toEqual({ from: 0, to: 10, top: 5 });
    expect(valuesRange([RUNNING], "lines", 1)).toEqual({ from: 0, to: 10, top: 1 });
    expect(valuesRange([], "areas")).toBeNull();
    expect(valuesRange([{ name: "one", points: [[7, 3]] }], "lines")).toEqual({ from: 7, to: 8, top: 5 });
  });
});

describe("paths", () => {
  const range = { from: 0, to: 10, top: 5 };

  it("go from point to point", () => {
    expect(linesOf([QUEUED], range, FRAME)).toEqual([{ path: "M0 30L100 10", dots: [[0, 30], [100, 10]] }]);
  });

  it("stack each area on those before", () => {
    expect(areasOf([QUEUED, RUNNING], range, FRAME)).toEqual(["M0 30L100 10L100 50L0 50Z", "M0 20L100 0L100 10L0 30Z"]);
  });
});
