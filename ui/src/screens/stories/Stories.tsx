// `/stories`: stories of Shortcut that labels have asked for, and the workspaces that they come from.

import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { type Tab, Tabs } from "../../components/Tabs";
import { workspacesQuery } from "../../data/stories";
import { count } from "../../text/format";
import type { Workspace } from "../../wire";
import type { StoriesTab } from "./params";
import { StoryList } from "./StoryList";
import { Workspaces } from "./Workspaces";
import "../../components/table.css";
import "./stories.css";

export function Stories(): ReactNode {
  const { api } = useApp();
  return (
    <>
      <Heading title="Stories">Stories</Heading>
      <Loaded query={useQuery(workspacesQuery(api))}>{({ items }) => <Parts workspaces={items} />}</Loaded>
    </>
  );
}

const PANELS: Readonly<Record<StoriesTab, (workspaces: readonly Workspace[]) => ReactNode>> = {
  stories: (workspaces) => <StoryList workspaces={workspaces} />,
  workspaces: (workspaces) => <Workspaces workspaces={workspaces} />,
};

function Parts({ workspaces }: { workspaces: readonly Workspace[] }): ReactNode {
  const { tab = "stories" } = useSearch({ from: "/stories" });
  const navigate = useNavigate({ from: "/stories" });
  const tabs: readonly Tab<StoriesTab>[] = [
    { name: "stories", label: "Stories" },
    { name: "workspaces", label: "Workspaces", badge: <span className="n num">{count(workspaces.length)}</span> },
  ];
  return (
    <Tabs
      label="Stories and workspaces"
      tabs={tabs}
      current={tab}
      onChoose={(name) => void navigate({ search: name === "stories" ? {} : { tab: name }, resetScroll: false })}
    >
      <div className="tab-body stack">{PANELS[tab](workspaces)}</div>
    </Tabs>
  );
}
