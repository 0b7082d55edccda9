import { expect, test } from "vitest";

import type { DriftPointShape, GroupEventShape } from "../wire";
import { changeText, confidenceText, latencySeries, latencyText, settingsText, shareText, tokenSeries, trafficSeries } from "./traces";

const POINTS: readonly DriftPointShape[] = [
  { at: "2026-05-01T00:00:00Z", traces: 5, errors: 2, latency_ms: 10, input_tokens: 4, output_tokens: null },
  { at: "2026-05-02T00:00:00Z", traces: 1, errors: 0, latency_ms: null, input_tokens: null, output_tokens: null },
];
const EVENT: GroupEventShape = { number: 1, at: "2026-05-01T00:00:00Z", type: "split", constants: [], trace_count: 9, others: ["a", "b"], task_id: "t" };

test("figures are told in words that don't say more than is known", () => {
  expect([0.9, 0.6, 0.1].map(confidenceText)).toEqual(["clear template", "likely template", "few traces yet"]);
  expect([1, 0.334, 0.001, 0].map(shareText)).toEqual(["100 %", "33 %", "under 1 %", "0 %"]);
  expect([812.4, 4231, null].map(latencyText)).toEqual(["812 ms", "4.2 s", "not told"]);
});

test("settings are one line", () => {
  expect(settingsText({})).toBe("no settings told");
  expect(settingsText({ temperature: 0.5, stop: ["a"], mode: "fast" })).toBe('temperature 0.5, stop ["a"], mode fast');
});

test("every change has its sentence", () => {
  expect(changeText(EVENT)).toBe("It turned out to be several templates: 2 groups came of it.");
  expect(changeText({ ...EVENT, type: "merged", others: ["a"] })).toBe("1 group turned out to be the same template and became part of it.");
  expect(changeText({ ...EVENT, type: "changed" })).toBe("The template changed, with 9 traces in it.");
  expect(changeText({ ...EVENT, type: "created" })).toBe("The first traces of this template came.");
});

test("spans without a value are no point", () => {
  const [first, second] = POINTS.map((point) => Date.parse(point.at));
  expect(trafficSeries(POINTS)).toEqual([
    { name: "answered", points: [[first, 3], [second, 1]] },
    { name: "failed", points: [[first, 2], [second, 0]] },
  ]);
  expect(latencySeries(POINTS)).toEqual([{ name: "mean latency", points: [[first, 10]] }]);
  expect(tokenSeries(POINTS)).toEqual([{ name: "in", points: [[first, 4]] }]);
  expect(latencySeries([])).toEqual([]);
});
