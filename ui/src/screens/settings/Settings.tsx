// `/settings`: the server and its parts, its embedder, what it was started with, and how this browser shows things.

import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Heading } from "../../components/Heading";
import { type Tab, Tabs } from "../../components/Tabs";
import { BrowserTab } from "./BrowserTab";
import { EmbedderTab } from "./EmbedderTab";
import type { SettingsTab } from "./params";
import { ServerTab } from "./ServerTab";
import { VariablesTab } from "./VariablesTab";
import "../../components/table.css";
import "./settings.css";

const TABS: readonly Tab<SettingsTab>[] = [
  { name: "server", label: "Server" },
  { name: "embedder", label: "Embedder" },
  { name: "variables", label: "All settings" },
  { name: "browser", label: "This browser" },
];
const PANELS: Readonly<Record<SettingsTab, () => ReactNode>> = {
  server: () => <ServerTab />,
  embedder: () => <EmbedderTab />,
  variables: () => <VariablesTab />,
  browser: () => <BrowserTab />,
};

export function Settings(): ReactNode {
  const { tab = "server" } = useSearch({ from: "/settings" });
  const navigate = useNavigate({ from: "/settings" });
  return (
    <>
      <Heading title="Settings">Settings</Heading>
      <Tabs
        label="Kinds of settings"
        tabs={TABS}
        current={tab}
        onChoose={(name) => void navigate({ search: name === "server" ? {} : { tab: name }, resetScroll: false })}
      >
        <div className="tab-body stack">{PANELS[tab]()}</div>
      </Tabs>
    </>
  );
}
