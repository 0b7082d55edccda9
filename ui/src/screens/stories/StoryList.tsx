// The stories, filtered by how they stand and by workspace.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { More } from "../../components/More";
import { useNow } from "../../components/useNow";
import { STORIES_KEY, storiesQuery } from "../../data/stories";
import { useListedMarks, useQuietReading, useReadWhenTold } from "../../live/reading";
import { adviceFor } from "../../text/failure";
import { ago } from "../../text/format";
import { GOAL_NAMES, isStoryTask, STATE_FACES, statesOf, STORY_GROUP_NAMES, STORY_GROUPS, tookText } from "../../text/stories";
import { visible } from "../../text/visible";
import type { StorySummary, Workspace } from "../../wire";
import { useRowKeys } from "../queue/useRowKeys";
import type { StoriesParams } from "./params";
import { StateBadge } from "./StateBadge";

const LEAST_MS = 1_000;

export function StoryList({ workspaces }: { workspaces: readonly Workspace[] }): ReactNode {
  const { api } = useApp();
  const { show, workspace } = useSearch({ from: "/stories" });
  const query = useInfiniteQuery({ ...storiesQuery(api, statesOf(show), workspace), ...useQuietReading() });
  useReadWhenTold(STORIES_KEY, useListedMarks(isStoryTask), LEAST_MS);
  const stories = query.data?.pages.flatMap((page) => page.items);
  const isFiltered = show !== undefined || workspace !== undefined;
  return (
    <>
      <Filters workspaces={workspaces} />
      <Loaded query={{ data: stories, error: query.error }}>
        {(items) => (items.length > 0 ? <Rows stories={items} /> : isFiltered ? <NothingFits /> : <NoStory hasWorkspace={workspaces.length > 0} />)}
      </Loaded>
      <More query={query} />
    </>
  );
}

function Filters({ workspaces }: { workspaces: readonly Workspace[] }): ReactNode {
  return (
    <nav aria-label="Which stories" className="stack">
      <ul className="row story-choice">
        <li>
          <Choice label="All" change={{ show: undefined }} />
        </li>
        {STORY_GROUPS.map((group) => (
          <li key={group}>
            <Choice label={STORY_GROUP_NAMES[group]} change={{ show: group }} />
          </li>
        ))}
      </ul>
      {workspaces.length < 2 ? null : (
        <ul className="row story-choice" aria-label="Workspaces">
          <li>
            <Choice label="All workspaces" change={{ workspace: undefined }} />
          </li>
          {workspaces.map(({ name }) => (
            <li key={name}>
              <Choice label={name} change={{ workspace: name }} />
            </li>
          ))}
        </ul>
      )}
    </nav>
  );
}

type Change = { readonly show: StoriesParams["show"] | undefined } | { readonly workspace: string | undefined };

function Choice({ label, change }: { label: string; change: Change }): ReactNode {
  const now = useSearch({ from: "/stories" });
  const { show, workspace } = { show: now.show, workspace: now.workspace, ...change };
  const isChosen = "show" in change ? now.show === change.show : now.workspace === change.workspace;
  const search: StoriesParams = { ...(show === undefined ? {} : { show }), ...(workspace === undefined ? {} : { workspace }) };
  return (
    <Link
      to="/stories"
      search={search}
      className="chip"
      aria-current={isChosen ? "true" : undefined}
      activeOptions={{ exact: true, includeSearch: true }}
      resetScroll={false}
    >
      <span className="wrap">{visible(label)}</span>
    </Link>
  );
}

function Rows({ stories }: { stories: readonly StorySummary[] }): ReactNode {
  const now = useNow(30_000);
  const list = useRowKeys<HTMLUListElement>();
  return (
    <ul className="card story-rows" aria-label="Stories, newest first" ref={list}>
      {stories.map((story) => (
        <li key={story.story_id} data-testid="story-row" data-story-id={story.story_id}>
          <StateBadge state={story.state} />
          <div className="story-name">
            <Link to="/stories/$storyId" params={{ storyId: story.story_id }} className="b wrap" data-row-link>
              {visible(story.name === "" ? `Story ${story.shortcut_id}` : story.name)}
            </Link>
            <span className="muted sm wrap">
              {visible(story.workspace)} · #{story.shortcut_id} · {GOAL_NAMES[story.goal]}
              {story.dry_run ? " · dry run" : ""}
            </span>
          </div>
          <span className="sm wrap">{whatText(story)}</span>
          <span className="muted sm num story-when">
            <span>{tookText(story.tokens, story.cost_usd)}</span>
            <span>{ago(story.created_at, now)}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}

function whatText({ state, stage, error }: StorySummary): string {
  if (state === "failed" && error !== null) return adviceFor(error.code).what;
  if (state === "working" && stage !== "") return `At ${stage.replaceAll("_", "-")}`;
  return STATE_FACES[state].what;
}

function NothingFits(): ReactNode {
  return (
    <p className="card pad">
      No story fits. <Link to="/stories">Show all</Link>
    </p>
  );
}

function NoStory({ hasWorkspace }: { hasWorkspace: boolean }): ReactNode {
  return (
    <section className="card pad stack" aria-label="No stories">
      <p>
        <b>No story yet.</b> Give a story in Shortcut the label of its workspace: agents look at it with what your sources know, and make it a better one.
      </p>
      <p className="row">
        <Link to="/stories" search={{ tab: "workspaces" }} className={hasWorkspace ? "btn" : "btn pri"}>
          {hasWorkspace ? "Look at the workspaces" : "Set up a workspace"}
        </Link>
        <a className="btn" href="/example/stories.html">
          How stories are worked on
        </a>
      </p>
    </section>
  );
}
