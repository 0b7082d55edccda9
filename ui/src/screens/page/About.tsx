// Where the page came from, and what is known of it.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { CopyButton } from "../../components/buttons";
import { chunksQuery } from "../../data/pages";
import { bytes, count, counted, dateAndTime } from "../../text/format";
import { WAYS } from "../../text/urls";
import { safeHref, visible } from "../../text/visible";
import type { PageShape } from "../../wire";

interface Fact {
  readonly name: string;
  readonly value: ReactNode;
  readonly note?: string;
}

export function About({ page }: { page: PageShape }): ReactNode {
  const groups: readonly { title: string; facts: readonly Fact[] }[] = [
    { title: "Where it is from", facts: origin(page) },
    { title: "What the site answered", facts: reply(page) },
    { title: "What is stored", facts: [...stored(page), { name: "Chunks", value: <ChunkCount page={page} /> }] },
  ];
  return (
    <div className="tab-body page-about">
      {groups.map(({ title, facts }) => (
        <section key={title} className="card pad" aria-label={title}>
          <h2>{title}</h2>
          <dl>
            {facts.map(({ name, value, note }) => (
              <div key={name}>
                <dt className="muted sm">{name}</dt>
                <dd className="wrap">
                  {value}
                  {note === undefined ? null : <p className="muted xs">{note}</p>}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </div>
  );
}

function origin(page: PageShape): readonly Fact[] {
  const href = safeHref(page.url);
  const facts: Fact[] = [
    {
      name: "Address",
      value: href === null ? visible(page.url) : <a href={href} target="_blank" rel="noreferrer noopener">{visible(page.url)}</a>,
    },
    { name: "Fetched", value: <time dateTime={page.fetched_at}>{dateAndTime(page.fetched_at)}</time>, note: `${WAYS[page.fetched_by].help}.` },
    {
      name: "Taken by",
      value: <Link to="/activity/$taskId" params={{ taskId: page.task_id }}>the task of its crawl</Link>,
    },
  ];
  if (page.missing_since === null) return facts;
  const missing = {
    name: "Missing since",
    value: <time dateTime={page.missing_since}>{dateAndTime(page.missing_since)}</time>,
    note: "The last refresh did not meet this page at its site. It stays for some days in case it comes back; a later refresh leaves it out.",
  };
  return [...facts, missing];
}

function reply(page: PageShape): readonly Fact[] {
  return [
    { name: "Status", value: page.status_code },
    { name: "Content type", value: <Given text={page.content_type} /> },
    { name: "Size as fetched", value: bytes(page.size_bytes) },
    { name: "ETag", value: <Given text={page.etag} /> },
    { name: "Last-Modified", value: <Given text={page.last_modified} /> },
  ];
}

function stored(page: PageShape): readonly Fact[] {
  return [
    { name: "Text", value: counted(page.chars, "character"), note: counted(page.outline.length, "heading") },
    { name: "Description", value: <Given text={page.description} /> },
    { name: "Language", value: <Given text={page.language} /> },
    { name: "Version of what it documents", value: <Given text={page.version} /> },
    { name: "Page id", value: <Id text={page.page_id} /> },
    { name: "Hash of the content", value: <Id text={page.content_hash} /> },
  ];
}

function ChunkCount({ page }: { page: PageShape }): ReactNode {
  const { api } = useApp();
  const { data } = useQuery(chunksQuery(api, page.source_id, page.page_id));
  return (
    <>
      {data === undefined ? "…" : count(data.length)}{" "}
      <Link to="." search={{ chunks: "shown" }}>
        show them in the text
      </Link>
    </>
  );
}

function Given({ text }: { text: string | null }): ReactNode {
  return text === null || text === "" ? <span className="muted">not given</span> : visible(text);
}

function Id({ text }: { text: string }): ReactNode {
  return (
    <span className="row">
      <code className="mono">{text}</code>
      <CopyButton text={text} label="Copy" isQuiet />
    </span>
  );
}
