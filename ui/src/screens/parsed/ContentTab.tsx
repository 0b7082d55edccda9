// The page's main text, as Markdown.

import { lazy, type ReactNode, Suspense } from "react";

import { CopyButton } from "../../components/buttons";
import { Loading } from "../../components/Loading";
import { counted } from "../../text/format";
import type { ParsedPage } from "../../wire";

const Markdown = lazy(async () => ({ default: (await import("../../components/Markdown")).Markdown }));

export function ContentTab({ page: { meaning, navigation } }: { page: ParsedPage }): ReactNode {
  if (meaning.markdown.trim() === "") return <p className="card pad muted">There is no text on this page beside its menus.</p>;
  return (
    <>
      <div className="row content-bar">
        <span className="muted sm num">{counted(meaning.word_count, "word")}</span>
        <span className="sp" />
        <CopyButton text={meaning.markdown} label="Copy as Markdown" />
      </div>
      <article className="card pad" aria-label="Main text">
        <Suspense fallback={<Loading />}>
          <Markdown markdown={meaning.markdown} baseUrl={navigation.final_url} cited={null} />
        </Suspense>
      </article>
    </>
  );
}
