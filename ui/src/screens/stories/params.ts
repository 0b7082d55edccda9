import { oneOf, type Raw, text } from "../../params";
import type { StoryGroup } from "../../text/stories";

export type StoriesTab = "stories" | "workspaces";

const TABS: Readonly<Record<StoriesTab, true>> = { stories: true, workspaces: true };
const GROUPS: Readonly<Record<StoryGroup, true>> = { attention: true, working: true, ended: true };

export interface StoriesParams {
  readonly tab?: StoriesTab;
  readonly show?: StoryGroup;
  readonly workspace?: string;
}

export function storiesParams(raw: Raw): StoriesParams {
  return { ...oneOf("tab", TABS, raw.tab), ...oneOf("show", GROUPS, raw.show), ...text("workspace", raw.workspace) };
}

export type StoryTab = "changes" | "findings" | "steps";
export type StoryView = "before" | "after";

export interface StoryParams {
  readonly tab?: StoryTab;
  /** Of the changes: one of the two whole, in place of what differs. */
  readonly view?: StoryView;
}

export function storyParams(raw: Raw): StoryParams {
  return {
    ...oneOf("tab", { changes: true, findings: true, steps: true }, raw.tab),
    ...oneOf("view", { before: true, after: true }, raw.view),
  };
}
