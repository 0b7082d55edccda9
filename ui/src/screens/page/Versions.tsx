// Every refresh in which the page changed, and what differs from the version before.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { ChangeBadge } from "../../components/ChangeBadge";
import { LoadedDiff } from "../../components/Diff";
import { Loaded } from "../../components/Failure";
import { versionsQuery } from "../../data/pages";
import { counted, dateAndTime } from "../../text/format";
import { visible } from "../../text/visible";
import type { PageVersionShape } from "../../wire";

const FROM = "/sources/$sourceId/pages/$pageId";

export function Versions({ sourceId, pageId }: { sourceId: string; pageId: string }): ReactNode {
  const { api } = useApp();
  const query = useInfiniteQuery(versionsQuery(api, pageId));
  return (
    <Loaded query={query}>
      {({ pages }) => {
        const versions = pages.flatMap((some) => some.items);
        return (
          <div className="tab-body versions">
            <div>
              <VersionList versions={versions} />
              {query.hasNextPage ? (
                <button type="button" className="btn" aria-disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage({ cancelRefetch: false })}>
                  {query.isFetchingNextPage ? "Loading…" : "Show older ones"}
                </button>
              ) : null}
            </div>
            <Chosen sourceId={sourceId} pageId={pageId} versions={versions} />
          </div>
        );
      }}
    </Loaded>
  );
}

function VersionList({ versions }: { versions: readonly PageVersionShape[] }): ReactNode {
  const { generation } = useSearch({ from: FROM });
  const chosen = chosenOf(versions, generation);
  return (
    <ol className="card version-list" aria-label="Versions, newest first">
      {versions.map((version) => (
        <li key={version.generation}>
          <Link
            to="."
            search={{ tab: "versions", generation: String(version.generation) }}
            resetScroll={false}
            aria-current={version === chosen ? "true" : undefined}
            data-testid="version"
          >
            <span className="row">
              <b className="num">Generation {version.generation}</b>
              <ChangeBadge change={version.change} />
            </span>
            <span className="muted xs num">{factsOf(version)}</span>
          </Link>
        </li>
      ))}
    </ol>
  );
}

function factsOf({ at, chars, is_visible: isSeen }: PageVersionShape): string {
  const facts = [
    at === null ? "of a generation that is not kept any more" : dateAndTime(at),
    chars === null ? null : counted(chars, "character"),
    isSeen ? "now seen" : null,
  ];
  return facts.filter((fact) => fact !== null).join(" · ");
}

function chosenOf(versions: readonly PageVersionShape[], generation: string | undefined): PageVersionShape | undefined {
  return generation === undefined ? versions[0] : versions.find((version) => version.generation === Number(generation));
}

function Chosen({ sourceId, pageId, versions }: { sourceId: string; pageId: string; versions: readonly PageVersionShape[] }): ReactNode {
  const { generation } = useSearch({ from: FROM });
  const navigate = useNavigate({ from: FROM });
  const version = chosenOf(versions, generation);
  if (version === undefined) {
    return (
      <div className="card pad stack">
        <p>This page did not change in generation {generation}, or that is not kept any more.</p>
        <p>
          <button type="button" className="btn" onClick={() => void navigate({ search: { tab: "versions" }, replace: true })}>
            Show the newest version
          </button>
        </p>
      </div>
    );
  }
  const older = versions[versions.indexOf(version) + 1];
  return (
    <section className="stack" aria-label={`Generation ${version.generation}`}>
      <div className="card pad stack">
        <p>{whatHappened(version, older)}</p>
        <p className="row">
          <ReadLink version={version.change === "removed" ? older : version} />
          <Link className="btn small" to="/activity/$taskId" params={{ taskId: version.task_id }}>
            The task
          </Link>
          <Link className="btn small" to="/sources/$sourceId" params={{ sourceId }} search={{ tab: "changes", generation: String(version.generation) }}>
            All that changed then
          </Link>
        </p>
      </div>
      {version.change === "changed" ? <LoadedDiff sourceId={sourceId} generation={version.generation} pageId={pageId} /> : null}
    </section>
  );
}

function whatHappened({ change, generation, title }: PageVersionShape, older: PageVersionShape | undefined): string {
  switch (change) {
    case "added":
      return older === undefined
        ? `The page came with generation ${generation}.`
        : `The page was back with generation ${generation}, after it had been gone.`;
    case "changed":
      return `What generation ${generation} has otherwise than ${older === undefined ? "the one before" : `generation ${older.generation}`}:`;
    case "removed":
      return `From generation ${generation} on “${visible(title)}” was gone.`;
    case null:
      return "This is the oldest version that is kept. Whether there was one before it, and what that was, is not known any more: only the last generations are kept.";
  }
}

function ReadLink({ version }: { version: PageVersionShape | undefined }): ReactNode {
  if (version?.chars === undefined || version.chars === null) return null;
  return (
    <Link className="btn small" to="." search={version.is_visible ? {} : { generation: String(version.generation) }}>
      {version.is_visible ? "Read it" : `Read it as of generation ${version.generation}`}
    </Link>
  );
}
