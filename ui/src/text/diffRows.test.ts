import { expect, it } from "vitest";

import type { DiffLineShape, LineKind } from "../wire";
import { rowsOf } from "./diffRows";

function line(kind: LineKind, old: number | null, fresh: number | null): DiffLineShape {
  return { kind, text: kind, old_number: old, new_number: fresh, marks: [] };
}

const told = (lines: readonly DiffLineShape[]): readonly string[] =>
  rowsOf(lines).map((row) => (row.kind === "gap" ? `gap ${row.count}` : `${row.line.kind}${row.isFirstOfRun ? " first" : ""}`));

it("tells where lines are left out, and where each change begins", () => {
  expect(
    told([line("same", 4, 4), line("removed", 5, null), line("added", null, 5), line("added", null, 6), line("same", 6, 7), line("same", 20, 21), line("removed", 21, null)]),
  ).toEqual(["gap 3", "same", "removed first", "added", "added", "same", "gap 13", "same", "removed first"]);
});

it("has no gap where all of it is new, or all of it is gone", () => {
  expect(told([line("added", null, 1), line("added", null, 2)])).toEqual(["added first", "added"]);
  expect(told([line("removed", 1, null)])).toEqual(["removed first"]);
});

it("begins a new change after a gap", () => {
  expect(told([line("added", null, 1), line("added", null, 9)])).toEqual(["added first", "gap 7", "added first"]);
});

it("gives each row a key of its own", () => {
  const keys = rowsOf([line("removed", 1, null), line("added", null, 1), line("same", 2, 2), line("removed", 9, null)]).map((row) => row.key);
  expect(new Set(keys).size).toBe(keys.length);
});
