import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const SRC = new URL("../", import.meta.url);
const SHARED = ["styles/", "components/"];

// All styles are one file, and a screen's stay when another is shown.
it("a class is styled by one screen", () => {
  const files = readdirSync(SRC, { recursive: true, encoding: "utf-8" }).filter((name) => name.endsWith(".css"));
  const owners = new Map<string, Set<string>>();
  for (const file of files) {
    const text = readFileSync(new URL(file, SRC), "utf-8").replaceAll(/\/\*.*?\*\//gs, "");
    for (const [, name = ""] of text.matchAll(/(?:^|[},])\s*(\.[\w-]+)\s*(?=[,{])/g)) {
      owners.set(name, (owners.get(name) ?? new Set()).add(file));
    }
  }
  const several = [...owners].filter(([, of]) => of.size > 1 && ![...of].every((file) => SHARED.some((folder) => file.startsWith(folder))));
  expect(several.map(([name, of]) => `${name}: ${[...of].join(", ")}`)).toEqual([]);
});
