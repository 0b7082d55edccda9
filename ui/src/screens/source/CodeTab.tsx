// The code examples of a source, by language.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { CodeBlock, CodeContext } from "../../components/Code";
import { Loaded } from "../../components/Failure";
import { More } from "../../components/More";
import { codeQuery, storageQuery } from "../../data/sources";
import { count, pathOf } from "../../text/format";
import { visible } from "../../text/visible";
import type { CodeExampleShape } from "../../wire";

const FROM = "/sources/$sourceId";

export function CodeTab({ sourceId }: { sourceId: string }): ReactNode {
  const { api } = useApp();
  const { language } = useSearch({ from: FROM });
  const query = useInfiniteQuery(codeQuery(api, sourceId, language));
  const examples = query.data?.pages.flatMap((page) => page.items);
  return (
    <div className="tab-body stack">
      <Languages sourceId={sourceId} chosen={language} />
      <Loaded query={{ data: examples, error: query.error }}>
        {(items) =>
          items.length === 0 ? (
            <p className="card pad muted">
              {language === undefined ? "No page of this source has a block of code." : `Nothing in ${visible(language)}.`}
            </p>
          ) : (
            <ul className="stack" aria-label="Code examples">
              {items.map((example) => (
                <Example key={example.code_id} example={example} />
              ))}
            </ul>
          )
        }
      </Loaded>
      <More query={query} />
    </div>
  );
}

function Languages({ sourceId, chosen }: { sourceId: string; chosen: string | undefined }): ReactNode {
  const { api } = useApp();
  const navigate = useNavigate({ from: FROM });
  const languages = useQuery(storageQuery(api, sourceId)).data?.languages ?? [];
  const choose = (language: string | undefined): void =>
    void navigate({ search: { tab: "code", ...(language === undefined ? {} : { language }) }, replace: true });
  const all = languages.reduce((sum, { count: many }) => sum + many, 0);
  const named = languages.flatMap(({ language, count: many }) => (language === null ? [] : [{ language, many }]));
  const shown = chosen === undefined || named.some(({ language }) => language === chosen) ? named : [...named, { language: chosen, many: 0 }];
  if (shown.length === 0) return null;
  return (
    <div className="row" role="group" aria-label="Language">
      <button type="button" className="chip" aria-pressed={chosen === undefined} onClick={() => choose(undefined)}>
        All <span className="muted num">{count(all)}</span>
      </button>
      {shown.map(({ language, many }) => (
        <button
          key={language}
          type="button"
          className="chip"
          aria-pressed={chosen === language}
          onClick={() => choose(chosen === language ? undefined : language)}
        >
          {visible(language)} <span className="muted num">{count(many)}</span>
        </button>
      ))}
    </div>
  );
}

function Example({ example }: { example: CodeExampleShape }): ReactNode {
  const { source_id: sourceId, page_id: pageId, start, end } = example;
  return (
    <li className="card pad stack" data-testid="code-example">
      <p className="sm ell">
        <Link to="/sources/$sourceId/pages/$pageId" params={{ sourceId, pageId }} hash={`c${start}-${end}`}>
          {visible(example.name === "" ? (example.heading_path.at(-1) ?? example.title) : example.name)}
        </Link>{" "}
        <span className="muted">{visible(pathOf(example.url))}</span>
      </p>
      <CodeContext of={example} />
      <CodeBlock code={example.code} language={example.language} isGuessed={example.is_guessed} />
    </li>
  );
}
