// A stored page as rendered Markdown. Its text is hostile: no raw HTML, no images, no target but web and mail.

import type { ReactNode } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";

import { headingLevels } from "../text/headingLevels";
import { CODE_MARKS, codeMarksOf, markPage } from "../text/markPage";
import { type Cited, tamePage } from "../text/tamePage";
import { safeHref } from "../text/visible";
import type { Range } from "../wire";
import { CodeBlock } from "./Code";

interface Props {
  readonly markdown: string;
  /** What relative links are relative to. */
  readonly baseUrl: string;
  /** In UTF-16 units of `markdown`. */
  readonly cited: Cited | null;
  /** What a search found, in UTF-16 units of `markdown`, sorted. */
  readonly marks?: readonly Range[];
  /** The level of the heading that it stands below, where it may be a part of a page that begins with any level. */
  readonly under?: number;
}

const NO_MARKS: readonly Range[] = [];

const COMPONENTS: Components = {
  a: ({ href, children, className }) =>
    typeof href !== "string" || href === "" ? (
      <span className={className}>{children}</span>
    ) : (
      <a href={href} className={className} target="_blank" rel="noreferrer noopener nofollow ugc">
        {children}
      </a>
    ),
  pre: ({ node, children }) => {
    const code = node?.children[0];
    if (code?.type !== "element") return <pre>{children}</pre>;
    const text = code.children.map((child) => (child.type === "text" ? child.value : "")).join("");
    const { className, "data-cited": first, tabIndex } = node?.properties ?? {};
    const isCited = Array.isArray(className) && className.includes("cited");
    return (
      <div data-cited={first} className={isCited ? "cited" : undefined} tabIndex={typeof tabIndex === "number" ? tabIndex : undefined}>
        <CodeBlock
          code={text.replace(/\n$/, "")}
          language={languageOf(code.properties.className)}
          marks={codeMarksOf(node?.properties[CODE_MARKS])}
        />
      </div>
    );
  },
  table: ({ children, className }) => (
    <div className="table-frame" tabIndex={0} role="region" aria-label="Table">
      <table className={className}>{children}</table>
    </div>
  ),
};

export function Markdown({ markdown, baseUrl, cited, marks = NO_MARKS, under }: Props): ReactNode {
  return (
    <div className="prose">
      <ReactMarkdown
        remarkPlugins={[remarkGfm]}
        rehypePlugins={[
          [markPage, markdown, marks],
          [tamePage, cited],
          ...(under === undefined ? [] : [[headingLevels, under] satisfies [unknown, number]]),
        ]}
        components={COMPONENTS}
        urlTransform={(url) => safeHref(url, baseUrl)}
        remarkRehypeOptions={{ clobberPrefix: "page-" }}
      >
        {markdown}
      </ReactMarkdown>
    </div>
  );
}

function languageOf(className: unknown): string | null {
  const names = Array.isArray(className) ? className.map(String) : [];
  return names.find((name) => name.startsWith("language-"))?.slice("language-".length) ?? null;
}
