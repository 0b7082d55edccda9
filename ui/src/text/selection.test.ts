import { describe, expect, it } from "vitest";

import { isAll, NOTHING, toggled, toggledAll, within } from "./selection";

const ORDER = ["a", "b", "c", "d", "e"];
const ids = (selection: { ids: ReadonlySet<string> }): string => [...selection.ids].sort().join("");

describe("a selection", () => {
  it("takes rows one by one and gives them back", () => {
    const one = toggled(NOTHING, ORDER, "b", false);
    expect(ids(one)).toBe("b");
    expect(ids(toggled(one, ORDER, "b", false))).toBe("");
  });
  it("takes all rows of a range, in either direction, and gives them back the same way", () => {
    const down = toggled(toggled(NOTHING, ORDER, "b", false), ORDER, "d", true);
    expect(ids(down)).toBe("bcd");
    expect(ids(toggled(toggled(NOTHING, ORDER, "d", false), ORDER, "b", true))).toBe("bcd");
    expect(ids(toggled(toggled(down, ORDER, "c", false), ORDER, "d", true))).toBe("b");
  });
  it("without a row before is of one row", () => {
    expect(ids(toggled(NOTHING, ORDER, "c", true))).toBe("c");
    expect(ids(toggled({ ids: new Set(), anchor: "gone" }, ORDER, "c", true))).toBe("c");
  });
  it("is of all or none", () => {
    const all = toggledAll(toggled(NOTHING, ORDER, "c", false), ORDER);
    expect(isAll(all, ORDER)).toBe(true);
    expect(ids(toggledAll(all, ORDER))).toBe("");
    expect(isAll(NOTHING, [])).toBe(false);
  });
  it("forgets rows that are gone", () => {
    const kept = { ids: new Set(["a", "c"]), anchor: "a" };
    expect(ids(within(kept, ["c", "d"]))).toBe("c");
    expect(within(kept, ORDER)).toBe(kept);
  });
});
