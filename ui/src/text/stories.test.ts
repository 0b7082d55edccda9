import { expect, it } from "vitest";

import type { AgentStep, DiffLineShape, Story, StoryShape } from "../wire";
import { costText, diffSections, placeOf, questionsOf, sourcesOf, statesOf, tookText } from "./stories";

const STORY: Story = {
  shortcut_id: 101,
  name: "Slow",
  description: "It is slow.\n\n## Steps\nPress it.",
  story_type: "bug",
  labels: [],
  app_url: "",
  external_links: [],
  updated_at: "2026-01-01T00:00:00Z",
  comments: [],
};
const SHAPE: StoryShape = {
  story_id: "sty_1",
  workspace: "acme",
  shortcut_id: 101,
  goal: "enhance",
  state: "needs_approval",
  stage: "write_back",
  name: "Slow",
  app_url: "",
  dry_run: false,
  needs_approval: true,
  created_at: "2026-01-01T00:00:00Z",
  ended_at: null,
  tokens: 0,
  cost_usd: null,
  error: null,
  tasks: [],
  before: STORY,
  after: null,
  diff: null,
  theirs: null,
  triage: null,
  analysis: null,
  enhancement: null,
  steps: [],
  model: null,
  max_tokens: null,
  max_cost_usd: null,
  left_out: [],
  note: "",
};

function line(kind: DiffLineShape["kind"], oldNumber: number | null, newNumber: number | null, text: string): DiffLineShape {
  return { kind, old_number: oldNumber, new_number: newNumber, text, marks: [] };
}

function step(at: string, seconds: number): AgentStep {
  return {
    task_id: "tsk_1",
    stage: "triage",
    ordinal: 1,
    kind: "model",
    agent: "triage",
    model: "m",
    tool: null,
    detail: "",
    prompt_tokens: 0,
    completion_tokens: 0,
    cost_usd: null,
    seconds,
    error: null,
    at,
  };
}

it("what differs is told by section; a heading in code is none", () => {
  const after = "It is slow.\n\n## Context\nWhy.\n```\n# no heading\n```\n## Steps\nPress twice.";
  const lines = [
    line("same", 2, 2, ""),
    line("added", null, 3, "## Context"),
    line("removed", 4, null, "Press it."),
    line("added", null, 6, "# no heading"),
    line("added", null, 9, "Press twice."),
  ];
  const diff = { is_name_changed: false, is_description_changed: true, labels_added: [], labels_removed: [], lines_added: 3, lines_removed: 1, name: [], description: lines, is_cut: false };
  const sections = diffSections({ ...SHAPE, after: { name: "Slow", description: after, labels: [], comment: "" }, diff });
  expect(sections.map(({ title, added, removed }) => [title, added, removed])).toEqual([
    ["Context", 2, 0],
    ["Steps", 1, 1],
  ]);
});

it("sources and questions of both stages are told once", () => {
  const cited = { url: "https://a.test/", title: "A", page_id: null, why: "" };
  const common = { open_questions: ["Who?"], sources: [cited], sources_dropped: 0, by_model: true, left_out: [] };
  const story: StoryShape = {
    ...SHAPE,
    analysis: { ...common, summary: "", findings: [], related: [] },
    enhancement: { ...common, open_questions: ["Who?", "When?"], name: null, sections: [], acceptance_criteria: [] },
  };
  expect(sourcesOf(story)).toEqual([cited]);
  expect(questionsOf(story)).toEqual(["Who?", "When?"]);
});

it("a step lies where its time was", () => {
  const steps = [step("2026-01-01T00:00:02Z", 2), step("2026-01-01T00:00:08Z", 4)];
  expect(steps.map((each) => placeOf(each, steps))).toEqual([
    { from: 0, share: 0.25 },
    { from: 0.5, share: 0.5 },
  ]);
  expect(placeOf(step("2026-01-01T00:00:02Z", 0), [step("2026-01-01T00:00:02Z", 0)])).toEqual({ from: 0, share: 1 });
});

it("small costs keep their digits, an unknown one is left out", () => {
  expect([costText(null), costText(0), costText(0.00144), costText(1.2)]).toEqual([null, "US$0.00", "US$0.0014", "US$1.20"]);
  expect(tookText(1200, null)).toBe("1,200 tokens");
  expect(tookText(480, 0.00144, 200_000)).toBe("480 of at most 200,000 tokens, US$0.0014");
  expect(tookText(480, 0.00144, null, 0.5)).toBe("480 tokens, US$0.0014 of at most US$0.50");
});

it("every state is in one group", () => {
  expect(statesOf("attention")).toEqual(["needs_approval", "conflict", "failed"]);
  expect(statesOf("working")).toEqual(["waiting", "working"]);
  expect(statesOf(undefined)).toEqual([]);
});
