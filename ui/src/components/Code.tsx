// Code with its syntax coloured and its marks. The highlighter is big, so it is loaded when there is code to show.

import { type ReactNode, useEffect, useState } from "react";

import { type Span, spansOf, type Token } from "../text/spans";
import { visible } from "../text/visible";
import type { CodeExampleShape, Range } from "../wire";
import { CopyButton } from "./buttons";

/** Runs of text: styled by class, marked where a search found them, direction controls spelled out. */
export function Spans({ spans }: { spans: readonly Span[] }): ReactNode {
  return spans.map(({ text, start, style, isMarked }) => {
    const shown = visible(text);
    const inner = isMarked ? <mark>{shown}</mark> : shown;
    return style === null ? (
      <span key={start}>{inner}</span>
    ) : (
      <span key={start} className={style}>
        {inner}
      </span>
    );
  });
}

const NO_TOKENS: readonly Token[] = [];
const NO_MARKS: readonly Range[] = [];
/** Colouring a very long block takes longer than it is worth. */
const MAX_COLOURED = 60_000;

interface Props {
  readonly code: string;
  readonly language: string | null;
  /** In UTF-16 units of `code`. */
  readonly marks?: readonly Range[];
  /** The page names no language: it was worked out from the code. */
  readonly isGuessed?: boolean;
  /** A part that can't be scrolled, so there is nothing for the keyboard to do. */
  readonly isStill?: boolean;
}

export function Code({ code, language, marks = NO_MARKS, isStill = false }: Props): ReactNode {
  const tokens = useTokens(code, language);
  return (
    <pre tabIndex={isStill ? undefined : 0} aria-label={language === null ? "Code" : `Code, ${language}`}>
      <code>
        <Spans spans={spansOf(code, tokens, marks)} />
      </code>
    </pre>
  );
}

/** With its language and a button to copy it. */
export function CodeBlock({ code, language, marks = NO_MARKS, isGuessed = false }: Props): ReactNode {
  return (
    <div className="code-block">
      <div className="code-bar">
        <span className="muted xs">
          {visible(language ?? "plain text")}
          {isGuessed && language !== null ? <span title="The page names no language; this one was worked out from the code."> (guessed)</span> : null}
        </span>
        <span className="sp" />
        <CopyButton text={code} label="Copy" isQuiet />
      </div>
      <Code code={code} language={language} marks={marks} />
    </div>
  );
}

/** A code span, its text apart. What introduces a block has no other syntax. */
const CODE_SPAN = /(?<!`)`([^`\n]+)`(?!`)/;

/** What the page says of the block: the sentence that introduces it, else the prose before it. */
export function CodeContext({ of: { summary, context } }: { of: CodeExampleShape }): ReactNode {
  const said = summary === "" ? context : summary;
  if (said === "") return null;
  return (
    <p className="muted sm wrap clamp">
      {said.split(CODE_SPAN).map((part, index) => (index % 2 === 0 ? visible(part) : <code key={index}>{visible(part)}</code>))}
    </p>
  );
}

function useTokens(code: string, language: string | null): readonly Token[] {
  const [found, setFound] = useState<{ of: string; tokens: readonly Token[] }>({ of: "", tokens: NO_TOKENS });
  useEffect(() => {
    if (language === null || code.length > MAX_COLOURED) return;
    let isWanted = true;
    const colour = async (): Promise<void> => {
      const { tokensOf } = await import("../text/highlight");
      if (isWanted) setFound({ of: code, tokens: tokensOf(code, language) });
    };
    colour().catch(() => undefined); // without colours it is still the code
    return () => {
      isWanted = false;
    };
  }, [code, language]);
  return found.of === code ? found.tokens : NO_TOKENS;
}
