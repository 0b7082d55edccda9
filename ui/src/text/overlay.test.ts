import { describe, expect, it } from "vitest";

import type { Box, InteractiveElement } from "../wire";
import { drawnOf, elementAt, labelsOf, numberOf, outline, overlaps, scrollFor } from "./overlay";

function element(id: string, box: Box | null, isVisible = true): InteractiveElement {
  return {
    element_id: id,
    frame_id: "f0",
    role: "button",
    name: id,
    description: "",
    tag: "button",
    input_type: null,
    value: null,
    placeholder: null,
    href: null,
    rel: null,
    autocomplete: null,
    field_name: null,
    html_id: null,
    states: {},
    is_required: false,
    is_visible: isVisible,
    is_enabled: true,
    is_in_viewport: true,
    options: [],
    option_count: 0,
    form_id: null,
    landmark_id: null,
    box,
    shown_box: null,
    evidence: "control",
    locator: { selector: `#${id}`, frames: [], by: "id" },
  };
}

const box = (x: number, y: number, width: number, height: number): Box => ({ x, y, width, height });
const PAGE = { width: 1280, height: 1000 };
const EVERYTHING = box(0, 0, 10_000, 10_000);

describe("the drawing over a screenshot", () => {
  it("draws what is seen, has a size and lies on the picture", () => {
    const elements = [element("e1", box(0, 0, 5, 5)), element("e2", box(0, 0, 5, 5), false), element("e3", null), element("e4", box(0, 0, 0, 5)), element("e5", box(0, 2000, 5, 5))];
    expect(drawnOf(elements, PAGE).map(({ element: { element_id: id } }) => id)).toEqual(["e1"]);
  });
  it("draws no more of an element than the picture shows", () => {
    const cut = { ...element("e1", box(0, 0, 50, 50)), shown_box: box(0, 0, 50, 20) };
    const gone = { ...element("e2", box(0, 60, 50, 50)), shown_box: box(0, 60, 0, 0) };
    expect(drawnOf([cut, gone], PAGE)).toEqual([{ element: cut, box: box(0, 0, 50, 20) }]);
  });
  it("is one path for all boxes", () => {
    expect(outline([box(1, 2, 3, 4), box(5.5, 6, 7, 8)])).toBe("M1 2h3v4h-3zM5.5 6h7v8h-7z");
  });
  it("finds the smallest element at a point, of equal ones the upper", () => {
    const drawn = drawnOf([element("e1", box(0, 0, 100, 100)), element("e2", box(10, 10, 20, 20)), element("e3", box(10, 10, 20, 20))], PAGE);
    expect(elementAt(drawn, 15, 15)?.element_id).toBe("e3");
    expect(elementAt(drawn, 50, 50)?.element_id).toBe("e1");
    expect(elementAt(drawn, 101, 50)).toBeNull();
  });
  it("numbers what is in view, and never on each other", () => {
    const drawn = drawnOf(Array.from({ length: 500 }, (_, index) => element(`e${index + 1}`, box((index % 20) * 30, Math.floor(index / 20) * 9, 28, 8))), PAGE);
    const labels = labelsOf(drawn, box(0, 0, 600, 100), 0.5, new Set(["e7"]));
    expect(labels[0]?.id).toBe("e7");
    expect(labels.length).toBeGreaterThan(10);
    expect(labels.length).toBeLessThanOrEqual(200);
    for (const one of labels) for (const other of labels) expect(one === other || !overlaps(one.box, other.box)).toBe(true);
  });
  it("has numbers as large on the screen at every scale", () => {
    const drawn = drawnOf([element("e12", box(100, 100, 400, 200))], PAGE);
    const sizes = [0.5, 1, 2].map((scale) => (labelsOf(drawn, EVERYTHING, scale, new Set())[0]?.box.height ?? 0) * scale);
    expect(new Set(sizes).size).toBe(1);
    expect(drawn.map((each) => numberOf(each.element))).toEqual(["12"]);
  });
  it("scrolls only to what is not in view, into the middle", () => {
    expect(scrollFor(120, 20, 100, 300)).toBeNull();
    expect(scrollFor(1000, 20, 100, 300)).toBe(860);
    expect(scrollFor(10, 20, 100, 300)).toBe(0);
    expect(scrollFor(1000, 900, 0, 300)).toBe(1000);
  });
});
