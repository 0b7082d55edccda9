// A passage that a search found: prose and code by turns with the marks on them. In a list only the part that has most of
// what was looked for is shown, the whole when it is asked for.

import { type ReactNode, useMemo, useState } from "react";

import { Code, CodeBlock, Spans } from "../../components/Code";
import { utf16Ranges } from "../../text/codePoints";
import { type Block, blocksOf } from "../../text/passage";
import { clipped, snippetRange } from "../../text/snippet";
import type { Range } from "../../wire";

interface Props {
  readonly content: string;
  /** In code points, as the server gives them. */
  readonly highlights: readonly Range[];
}

interface Parts {
  readonly all: readonly Block[];
  readonly best: readonly Block[];
  readonly isCut: boolean;
}

function useParts({ content, highlights }: Props): Parts {
  return useMemo(() => {
    const marks = utf16Ranges(content, highlights);
    const all = blocksOf(content, marks);
    const range = snippetRange(content, marks);
    return { all, best: clipped(all, range), isCut: range[0] > 0 || range[1] < content.length };
  }, [content, highlights]);
}

export function Snippet(props: Props): ReactNode {
  return <Blocks blocks={useParts(props).best} isStill />;
}

export function WholePassage(props: Props): ReactNode {
  return <Blocks blocks={useParts(props).all} isStill={false} />;
}

export function Passage(props: Props): ReactNode {
  const { all, best, isCut } = useParts(props);
  const [isWhole, setWhole] = useState(false);
  return (
    <>
      <Blocks blocks={isWhole ? all : best} isStill={isCut && !isWhole} />
      {isCut ? (
        <button type="button" className="link sm" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Show less" : "Show the whole passage"}
        </button>
      ) : null}
    </>
  );
}

/** Still ones have nothing to scroll or to press. */
function Blocks({ blocks, isStill }: { blocks: readonly Block[]; isStill: boolean }): ReactNode {
  return (
    <div className={isStill ? "passage still" : "passage"}>
      {blocks.map((block) =>
        block.kind === "prose" ? (
          <p key={block.start}>
            <Spans spans={block.spans} />
          </p>
        ) : (
          <PassageCode key={block.start} block={block} isStill={isStill} />
        ),
      )}
    </div>
  );
}

function PassageCode({ block: { spans, language }, isStill }: { block: Block; isStill: boolean }): ReactNode {
  const code = spans.map((span) => span.text).join("");
  const marks: Range[] = [];
  let at = 0; // what is left out of the code has no place in it
  for (const { text, isMarked } of spans) {
    if (isMarked) marks.push([at, at + text.length]);
    at += text.length;
  }
  return isStill ? <Code code={code} language={language} marks={marks} isStill /> : <CodeBlock code={code} language={language} marks={marks} />;
}
