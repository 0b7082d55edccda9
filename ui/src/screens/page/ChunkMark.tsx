// Where a chunk begins: its number, its length, and the way to cite it.

import type { ReactNode } from "react";

import { CopyButton } from "../../components/buttons";
import { HashLink } from "../../components/HashLink";
import { counted } from "../../text/format";
import type { ChunkShape } from "../../wire";

export function ChunkMark({ chunk, hash }: { chunk: ChunkShape | undefined; hash: string }): ReactNode {
  if (chunk === undefined) return null;
  const { chunk_id: id, ordinal, start, end } = chunk;
  return (
    <span className="chunk-mark" data-testid="chunk-mark" data-chunk-id={id}>
      <HashLink hash={id} isCurrent={hash === id}>
        Chunk {ordinal + 1}
      </HashLink>
      <span className="num">{counted(end - start, "character")}</span>
      <CopyButton text={`${location.origin}${location.pathname}#${id}`} label="Copy link" isQuiet />
    </span>
  );
}
