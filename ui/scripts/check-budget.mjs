// Fails the build when what a browser has to load grows above the budget. Sizes are of the gzipped files.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const KB = 1024;
const BUDGET = { first: 160 * KB, lazy: 80 * KB, css: 14 * KB };
const dist = new URL("../dist/", import.meta.url);

const html = readFileSync(new URL("index.html", dist), "utf8");
const files = readdirSync(new URL("assets/", dist)).map((name) => {
  const bytes = readFileSync(new URL(`assets/${name}`, dist));
  return { name, size: gzipSync(bytes).length, isFirst: html.includes(`/assets/${name}`) };
});
const sum = (list) => list.reduce((total, file) => total + file.size, 0);
const scripts = files.filter((file) => file.name.endsWith(".js"));
const checks = [
  { what: "first JS", size: sum(scripts.filter((file) => file.isFirst)), limit: BUDGET.first },
  { what: "CSS", size: sum(files.filter((file) => file.name.endsWith(".css"))), limit: BUDGET.css },
  ...scripts.filter((file) => !file.isFirst).map((file) => ({ what: file.name, size: file.size, limit: BUDGET.lazy })),
];
for (const { what, size, limit } of checks) {
  console.log(`${size > limit ? "TOO BIG" : "ok"}  ${what}: ${(size / KB).toFixed(1)} of ${limit / KB} KB gzip`);
}
if (/<script(?![^>]*\bsrc=)/.test(html) || /\bstyle=/.test(html)) {
  console.error("index.html has an inline script or style, which the Content-Security-Policy refuses");
  process.exit(1);
}
process.exit(checks.some(({ size, limit }) => size > limit) ? 1 : 0);
