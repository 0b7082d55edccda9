import { expect, test } from "vitest";

import { codeCitation, passageCitation } from "./citation";

const page = { title: "Web server", heading_path: ["Web server", "Graceful shutdown"], url: "https://docs.test/web#stop" };

test("a passage is quoted with its code and its source", () => {
  expect(passageCitation({ ...page, content: "Close them:\n\n```python\nfor ws in app:\n    ws.close()\n```\n" })).toBe(
    "> Close them:\n>\n> ```python\n> for ws in app:\n>     ws.close()\n> ```\n\n— [Web server › Graceful shutdown](https://docs.test/web#stop)\n",
  );
});

test("a fence that the passage leaves open is closed", () => {
  expect(passageCitation({ ...page, content: "~~~~\ncode\n~~~\nmore" })).toMatch(/^> ~~~~\n> code\n> ~~~\n> more\n> ~~~~\n\n/);
});

test("the title is named where the headings don't begin with it", () => {
  expect(passageCitation({ ...page, title: "Docs", content: "x" })).toContain("[Docs › Web server › Graceful shutdown]");
  expect(passageCitation({ ...page, title: "", heading_path: [], content: "x" })).toContain("[https://docs.test/web#stop]");
});

test("code keeps its own backticks", () => {
  expect(codeCitation({ ...page, code: "echo ````\n", language: "bash" })).toBe(
    "`````bash\necho ````\n`````\n\n— [Web server › Graceful shutdown](https://docs.test/web#stop)\n",
  );
  expect(codeCitation({ ...page, code: "x", language: "py`\n# no" })).toMatch(/^```\nx\n```\n/);
});

test("hostile names and addresses make no other link", () => {
  const text = passageCitation({ title: "a](https://evil.test)", heading_path: ["b\n\n# c", "<img>"], url: "https://x.test/a(b) c", content: "x" });
  expect(text).toBe("> x\n\n— [a\\](https://evil.test) › b # c › \\<img\\>](https://x.test/a%28b%29%20c)\n");
  expect(passageCitation({ ...page, url: "javascript:alert(1)", content: "x" })).toBe("> x\n\n— Web server › Graceful shutdown\n");
});
