// Shortcut's stories that were asked for, and the workspaces that they come from.

import { queryOptions } from "@tanstack/react-query";

import type { StoryPage, StoryShape, StoryState, StorySummary, Workspace, WorkspacePage, WorkspaceRequest } from "../wire";
import { type Api, at } from "./api";
import { pagedQuery } from "./queryClient";

export const STORIES_KEY = ["stories"] as const;
export const WORKSPACES_KEY = ["workspaces"] as const;

/** Stories in some states (none given: in all), of one workspace, the newest first. */
export const storiesQuery = (api: Api, states: readonly StoryState[], workspace: string | undefined) =>
  pagedQuery([...STORIES_KEY, "list", states.join(), workspace ?? ""], (cursor, signal) =>
    api.get<StoryPage>("/stories", { state: states.join() || null, workspace, cursor, limit: 50 }, signal),
  );

export const storyQuery = (api: Api, storyId: string) =>
  queryOptions({
    queryKey: [...STORIES_KEY, "one", storyId],
    queryFn: ({ signal }) => api.get<StoryShape>(at`/stories/${storyId}`, {}, signal),
  });

export function approveStory(api: Api, storyId: string): Promise<StorySummary> {
  return api.post(at`/stories/${storyId}/approve`, {});
}

export function rejectStory(api: Api, storyId: string, note: string): Promise<StorySummary> {
  return api.post(at`/stories/${storyId}/reject`, { note });
}

export function deleteStory(api: Api, storyId: string): Promise<void> {
  return api.delete(at`/stories/${storyId}`);
}

export const workspacesQuery = (api: Api) =>
  queryOptions({ queryKey: WORKSPACES_KEY, queryFn: ({ signal }) => api.get<WorkspacePage>("/workspaces", {}, signal) });

export function putWorkspace(api: Api, name: string, request: WorkspaceRequest): Promise<Workspace> {
  return api.put(at`/workspaces/${name}`, request);
}

export function deleteWorkspace(api: Api, name: string): Promise<void> {
  return api.delete(at`/workspaces/${name}`);
}
