// `/stories/:id`: one story. What would become of it, or has; what the agents found, and each of their steps.

import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Failure, InlineError, Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { Icon } from "../../components/Icon";
import { type Tab, Tabs } from "../../components/Tabs";
import { STORIES_KEY, storyQuery } from "../../data/stories";
import { useProgress } from "../../live/react";
import { useFollowedMarks, useListedMarks, useQuietReading, useReadWhenTold } from "../../live/reading";
import { isFinal } from "../../live/tasks";
import { count, dateAndTime } from "../../text/format";
import { GOAL_NAMES, isStoryTask, isUnderWay, sourcesOf, STATE_FACES, tookText } from "../../text/stories";
import { safeHref, visible } from "../../text/visible";
import type { StoryShape } from "../../wire";
import { ChangesTab } from "./ChangesTab";
import { Conflict } from "./Conflict";
import { FindingsTab } from "./FindingsTab";
import type { StoryTab } from "./params";
import { StateBadge } from "./StateBadge";
import { StepsTab } from "./StepsTab";
import { CancelStory, Decision, DeleteStory, RetryStory, type StoryCommands, useStoryCommands } from "./storyCommands";
import { StoryTasks } from "./StoryTasks";
import "../../components/table.css";
import "./stories.css";

const FROM = "/stories/$storyId";
const LEAST_MS = 500;

export function StoryDetail(): ReactNode {
  const { api } = useApp();
  const { storyId } = useParams({ from: FROM });
  const query = useQuery({ ...storyQuery(api, storyId), ...useQuietReading() });
  const told = useFollowedMarks(query.data?.tasks.map((task) => task.task_id) ?? []);
  // A task that it gets meanwhile (a write-back that somebody approved) is first seen in the list.
  const listed = useListedMarks((task) => isStoryTask(task) && task.payload.story_id === storyId);
  useReadWhenTold([...STORIES_KEY, "one", storyId], `${told} ${listed}`, LEAST_MS);
  return (
    <>
      {query.data === undefined ? (
        <>
          <Crumb />
          <div className="head">
            <Heading title="Story">Story</Heading>
          </div>
        </>
      ) : null}
      <Loaded query={query}>{(story) => <Known key={story.story_id} story={story} />}</Loaded>
    </>
  );
}

function Crumb(): ReactNode {
  return (
    <p className="sm">
      <Link to="/stories">Stories</Link>
    </p>
  );
}

function Known({ story }: { story: StoryShape }): ReactNode {
  const commands = useStoryCommands(story);
  const name = visible(story.name === "" ? `Story ${story.shortcut_id}` : story.name);
  return (
    <div className="story-screen">
      <Crumb />
      <div className="head">
        <Heading title={name} className="wrap story-heading">
          {name}
        </Heading>
        <StateBadge state={story.state} />
        <span className="sp" />
        <CancelStory story={story} commands={commands} />
        {isToldWhy(story) ? null : <RetryStory story={story} commands={commands} />}
        <DeleteStory story={story} commands={commands} />
      </div>
      <Asked story={story} />
      <InlineError error={commands.error} />
      <StandsHow story={story} commands={commands} />
      <StoryTasks story={story} />
      <Parts story={story} />
    </div>
  );
}

/** Then what can be done stands with what happened. */
function isToldWhy({ state, error }: StoryShape): boolean {
  return state === "failed" && error !== null;
}

function Asked({ story }: { story: StoryShape }): ReactNode {
  const href = safeHref(story.app_url);
  const { workspace, shortcut_id: number, goal, tokens, max_tokens: most, cost_usd: cost, max_cost_usd: mostCost } = story;
  return (
    <p className="row sm muted story-asked">
      <Link to="/stories" search={{ workspace }} className="wrap">
        {visible(workspace)}
      </Link>
      {href === null ? (
        <span>#{number}</span>
      ) : (
        <a href={href} target="_blank" rel="noreferrer noopener">
          #{number} in Shortcut <Icon name="external" className="inline" />
        </a>
      )}
      <span>asked to {GOAL_NAMES[goal]}</span>
      <span>{dateAndTime(story.created_at)}</span>
      <span className="num">
        {tookText(tokens, cost, most, mostCost)}
      </span>
      {story.model === null ? null : <span className="wrap">{visible(story.model)}</span>}
      {story.dry_run ? <span>dry run</span> : null}
    </p>
  );
}

/** What its state means, and what can be done about it. */
function StandsHow({ story, commands }: { story: StoryShape; commands: StoryCommands }): ReactNode {
  if (story.state === "failed" && story.error !== null) {
    return (
      <Failure error={story.error} survived="What its stages had made is kept." context={{ story_id: story.story_id }}>
        <p>
          <RetryStory story={story} commands={commands} />
        </p>
      </Failure>
    );
  }
  if (story.state === "conflict") return <Conflict story={story} />;
  return (
    <section className="card pad note" aria-label="How it stands" data-testid="stands">
      <p className="wrap">
        <b>{STATE_FACES[story.state].what}</b> {story.note === "" ? "" : `Why: ${visible(story.note)}`}
        {isUnderWay(story) ? <Doing story={story} /> : null}
      </p>
      {story.left_out.map((note) => (
        <p key={note} className="sm wrap">
          {visible(note)}
        </p>
      ))}
      {story.state === "needs_approval" ? <Decision story={story} commands={commands} /> : null}
    </section>
  );
}

/** What its first task that has not ended says. */
function Doing({ story: { tasks } }: { story: StoryShape }): ReactNode {
  const at = tasks.find(({ status }) => !isFinal(status));
  return at === undefined ? null : <TaskSays key={at.task_id} taskId={at.task_id} />;
}

function TaskSays({ taskId }: { taskId: string }): ReactNode {
  const task = useProgress(taskId)?.task;
  if (task === undefined || task === null || task.progress.message === "") return null;
  return <span className="muted">{visible(task.progress.message)}</span>;
}

const PANELS: Readonly<Record<StoryTab, (story: StoryShape) => ReactNode>> = {
  changes: (story) => <ChangesTab story={story} />,
  findings: (story) => <FindingsTab story={story} />,
  steps: (story) => <StepsTab story={story} />,
};

function Parts({ story }: { story: StoryShape }): ReactNode {
  const { tab = "changes" } = useSearch({ from: FROM });
  const navigate = useNavigate({ from: FROM });
  const tabs: readonly Tab<StoryTab>[] = [
    { name: "changes", label: "Before and after" },
    { name: "findings", label: "Findings", ...badgeOf(sourcesOf(story).length) },
    { name: "steps", label: "Steps", ...badgeOf(story.steps.length) },
  ];
  return (
    <Tabs
      label="Parts of the story"
      tabs={tabs}
      current={tab}
      onChoose={(name) => void navigate({ search: name === "changes" ? {} : { tab: name }, resetScroll: false })}
    >
      <div className="tab-body stack">{PANELS[tab](story)}</div>
    </Tabs>
  );
}

function badgeOf(number: number): { readonly badge?: ReactNode } {
  return number === 0 ? {} : { badge: <span className="n num">{count(number)}</span> };
}
