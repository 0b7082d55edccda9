import { expect, test } from "vitest";

import { sectionAround } from "./section";

const words = (count: number): string => Array.from({ length: count }, (_, index) => `word${index}`).join(" ");

test("a long section is shown from its heading to the next one", () => {
  const markdown = `# A\n\n${words(300)}\n\n# B\n\n${words(300)}\n\n# C\n\n${words(300)}`;
  const [b, c] = [markdown.indexOf("# B"), markdown.indexOf("# C")];
  expect(sectionAround(markdown, [0, b, c], [b + 5, b + 50])).toEqual([b, c]);
});

test("a short section is shown with its neighbours, those after it first", () => {
  const markdown = `# A\n\nfirst\n\n# B\n\nsecond\n\n# C\n\nthird`;
  const headings = [0, markdown.indexOf("# B"), markdown.indexOf("# C")];
  expect(sectionAround(markdown, headings, [12, 14])).toEqual([0, markdown.length]);
});

test("a passage over several sections is shown whole", () => {
  const markdown = `# A\n\n${words(300)}\n\n# B\n\n${words(300)}`;
  expect(sectionAround(markdown, [0, markdown.indexOf("# B")], [10, markdown.length])).toEqual([0, markdown.length]);
});

test("a very long section is cut between paragraphs, never within code", () => {
  const paragraphs = Array.from({ length: 60 }, (_, index) => (index === 30 ? `\`\`\`python\n${words(400)}\n\n# no heading\n\`\`\`` : words(20)));
  const markdown = paragraphs.join("\n\n");
  const fence = markdown.indexOf("```python");
  const inside = fence + 3_000;
  const [from = 0, to = 0] = sectionAround(markdown, [], [inside, inside + 20]) ?? [];
  expect(from).toBe(fence);
  expect(markdown.slice(0, from).endsWith("\n\n")).toBe(true);
  expect(to).toBeGreaterThan(inside + 2_500);
  expect(markdown.slice(from, to).match(/```/g)).toHaveLength(2);
});

test("what is too long to be rendered is not", () => {
  expect(sectionAround("x".repeat(50_000), [], [49_000, 49_010])).toBeNull();
});

test("an empty page has an empty section", () => {
  expect(sectionAround("", [], [0, 0])).toEqual([0, 0]);
});
