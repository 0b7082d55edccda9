// The lines of a diff as rows: where numbers jump there is a gap, and each run of changed lines has a first one.

import type { DiffLineShape } from "../wire";

export type DiffRow =
  | { readonly kind: "line"; readonly key: string; readonly line: DiffLineShape; readonly isFirstOfRun: boolean }
  | { readonly kind: "gap"; readonly key: string; readonly count: number };

export function rowsOf(lines: readonly DiffLineShape[]): readonly DiffRow[] {
  const rows: DiffRow[] = [];
  let [lastOld, lastNew, wasSame] = [0, 0, true];
  for (const line of lines) {
    const left = line.old_number === null ? 0 : line.old_number - lastOld - 1;
    const right = line.new_number === null ? 0 : line.new_number - lastNew - 1;
    const count = Math.max(left, right);
    const key = `${line.old_number ?? ""}:${line.new_number ?? ""}`;
    if (count > 0) {
      rows.push({ kind: "gap", key: `gap ${key}`, count });
      // What is left out is the same on both sides.
      lastOld += count;
      lastNew += count;
      wasSame = true;
    }
    rows.push({ kind: "line", key, line, isFirstOfRun: line.kind !== "same" && wasSame });
    lastOld = line.old_number ?? lastOld;
    lastNew = line.new_number ?? lastNew;
    wasSame = line.kind === "same";
  }
  return rows;
}
