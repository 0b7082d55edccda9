// What the page is, and what can be done with it.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { CopyButton } from "../../components/buttons";
import { Heading } from "../../components/Heading";
import { Icon } from "../../components/Icon";
import { useNow } from "../../components/useNow";
import { sourceQuery } from "../../data/sources";
import { ago, counted, lowered, shortUrl } from "../../text/format";
import { WAYS } from "../../text/urls";
import { safeHref, visible } from "../../text/visible";
import type { PageShape } from "../../wire";
import { saveMarkdown } from "./saveMarkdown";

export function PageHead({ page }: { page: PageShape }): ReactNode {
  const now = useNow(60_000);
  const title = titleOf(page);
  const facts = [
    `fetched ${ago(page.fetched_at, now)}`,
    counted(page.chars, "character"),
    page.fetched_by === "http" ? null : lowered(WAYS[page.fetched_by].help),
    page.missing_since === null ? null : `missing at the site since ${ago(page.missing_since, now)}`,
  ].filter((fact) => fact !== null);
  return (
    <header className="page-head">
      <SourceCrumb sourceId={page.source_id} />
      <div className="head">
        <Heading title={title}>{title}</Heading>
        <span className="sp" />
        <Actions page={page} />
      </div>
      <p className="muted sm">
        <span className="mono wrap">{visible(page.url)}</span>
      </p>
      <p className="muted xs num">{facts.join(" · ")}</p>
    </header>
  );
}

export function titleOf({ title, url }: Pick<PageShape, "title" | "url">): string {
  return visible(title === "" ? shortUrl(url) : title);
}

export function SourceCrumb({ sourceId }: { sourceId: string }): ReactNode {
  const { api } = useApp();
  const source = useQuery(sourceQuery(api, sourceId)).data;
  return (
    <p className="crumb">
      <Link to="/sources" activeOptions={{ exact: true }}>
        Sources
      </Link> <span aria-hidden="true">›</span>
      <Link className="ell" to="/sources/$sourceId" params={{ sourceId }} activeOptions={{ exact: true }}>
        {source === undefined ? "Source" : visible(source.title === "" ? shortUrl(source.url) : source.title)}
      </Link>
    </p>
  );
}

function Actions({ page }: { page: PageShape }): ReactNode {
  const href = safeHref(page.url);
  return (
    <div className="row">
      <Link className="btn small" to="/search" search={{ source: page.source_id }}>
        <Icon name="search" />
        Search this source
      </Link>
      <CopyButton text={page.markdown} label="Copy Markdown" />
      <button type="button" className="btn small" onClick={() => saveMarkdown(page)}>
        <Icon name="down" />
        Download .md
      </button>
      {href === null ? null : (
        <a className="btn small" href={href} target="_blank" rel="noreferrer noopener">
          <Icon name="external" />
          Open on the site
        </a>
      )}
    </div>
  );
}
