// Syntax of code as tokens. Loaded on demand: it brings the grammars.

import type { Element, RootContent } from "hast";
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import csharp from "highlight.js/lib/languages/csharp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import dockerfile from "highlight.js/lib/languages/dockerfile";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import kotlin from "highlight.js/lib/languages/kotlin";
import lua from "highlight.js/lib/languages/lua";
import makefile from "highlight.js/lib/languages/makefile";
import nginx from "highlight.js/lib/languages/nginx";
import php from "highlight.js/lib/languages/php";
import python from "highlight.js/lib/languages/python";
import pythonRepl from "highlight.js/lib/languages/python-repl";
import ruby from "highlight.js/lib/languages/ruby";
import rust from "highlight.js/lib/languages/rust";
import shell from "highlight.js/lib/languages/shell";
import sql from "highlight.js/lib/languages/sql";
import swift from "highlight.js/lib/languages/swift";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { createLowlight } from "lowlight";

import type { Token } from "./spans";

const GRAMMARS = {
  bash, c, cpp, csharp, css, diff, dockerfile, go, ini, java, javascript, json, kotlin, lua, makefile, nginx, php,
  python, "python-repl": pythonRepl, ruby, rust, shell, sql, swift, typescript, xml, yaml,
};
const ALIASES = { "python-repl": ["pycon"], shell: ["console", "shell-session"], ini: ["toml", "cfg"], python: ["python3", "py3"] };

let made: ReturnType<typeof createLowlight> | null = null;

/** Tokens of `code` in UTF-16 units, innermost style first come; none for a language that isn't known. */
export function tokensOf(code: string, language: string): Token[] {
  made ??= withAliases();
  const name = language.toLowerCase();
  if (!made.registered(name)) return [];
  const tokens: Token[] = [];
  let offset = 0;
  const walk = (nodes: readonly RootContent[], style: string | null): void => {
    for (const node of nodes) {
      if (node.type === "text") {
        if (style !== null) tokens.push({ start: offset, end: offset + node.value.length, style });
        offset += node.value.length;
      } else if (node.type === "element") {
        walk(node.children, classOf(node) ?? style);
      }
    }
  };
  walk(made.highlight(name, code).children, null);
  return tokens;
}

function withAliases(): ReturnType<typeof createLowlight> {
  const lowlight = createLowlight(GRAMMARS);
  lowlight.registerAlias(ALIASES);
  return lowlight;
}

function classOf(node: Element): string | null {
  const names = node.properties.className;
  return Array.isArray(names) ? names.join(" ") : null;
}
