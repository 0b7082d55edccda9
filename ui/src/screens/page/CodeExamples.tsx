// The page's code examples, each with what the page says of it and the way to its place in the text.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { CodeBlock, CodeContext } from "../../components/Code";
import { Loaded } from "../../components/Failure";
import { pageCodeQuery } from "../../data/pages";
import { rangeHash } from "../../text/pageHash";
import { visible } from "../../text/visible";
import type { CodeExampleShape, PageShape } from "../../wire";

export function CodeExamples({ page }: { page: PageShape }): ReactNode {
  const { api } = useApp();
  const query = useInfiniteQuery(pageCodeQuery(api, page.source_id, page.page_id));
  return (
    <div className="tab-body stack">
      <Loaded query={query}>
        {({ pages }) => {
          const examples = pages.flatMap((some) => some.items);
          return examples.length === 0 ? (
            <p className="card pad muted">This page has no code examples.</p>
          ) : (
            <ol className="stack" aria-label="Code examples">
              {examples.map((example) => (
                <Example key={example.code_id} example={example} />
              ))}
            </ol>
          );
        }}
      </Loaded>
      {query.hasNextPage ? (
        <p className="row more">
          <button type="button" className="btn" aria-disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage({ cancelRefetch: false })}>
            {query.isFetchingNextPage ? "Loading…" : "Show more"}
          </button>
        </p>
      ) : null}
    </div>
  );
}

function Example({ example }: { example: CodeExampleShape }): ReactNode {
  const { name, heading_path: path, language, is_guessed: isGuessed, start, end } = example;
  return (
    <li className="card pad stack" data-testid="page-code">
      <div className="row">
        <h2 className="wrap">{visible(name === "" ? (path.at(-1) ?? `Example ${example.ordinal + 1}`) : name)}</h2>
        <span className="sp" />
        <Link to="." search={{}} hash={rangeHash(start, end)} className="sm">
          Show in the text
        </Link>
      </div>
      {name === "" || path.length === 0 ? null : <p className="muted xs wrap">{visible(path.join(" › "))}</p>}
      <CodeContext of={example} />
      <CodeBlock code={example.code} language={language} isGuessed={isGuessed} />
    </li>
  );
}
