// A passage that a search found: prose and code by turns with the marks on them. A long one is folded.

import { type ReactNode, useState } from "react";

import { utf16Ranges } from "../../text/codePoints";
import { blocksOf } from "../../text/passage";
import type { Range } from "../../wire";
import { Code, Spans } from "../../components/Code";

const FOLDED_CHARS = 900;

interface Props {
  readonly content: string;
  /** In code points, as the server gives them. */
  readonly highlights: readonly Range[];
}

export function Passage({ content, highlights }: Props): ReactNode {
  const isLong = content.length > FOLDED_CHARS;
  const [isFolded, setFolded] = useState(isLong);
  const marks = utf16Ranges(content, highlights);
  return (
    <>
      <div className={isFolded ? "passage folded" : "passage"}>
        {blocksOf(content, marks).map((block) =>
          block.kind === "prose" ? (
            <p key={block.start}>
              <Spans spans={block.spans} />
            </p>
          ) : (
            <Code
              key={block.start}
              code={block.spans.map((span) => span.text).join("")}
              language={block.language}
              marks={block.spans
                .filter((span) => span.isMarked)
                .map((span): Range => [span.start, span.start + span.text.length])}
            />
          ),
        )}
      </div>
      {isLong ? (
        <button type="button" className="link sm" onClick={() => setFolded(!isFolded)}>
          {isFolded ? "Show the whole passage" : "Show less"}
        </button>
      ) : null}
    </>
  );
}
