// `/queue`: what waits, what failed for good, who works and what recurs. Read again every few seconds while it is seen.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { type Tab, Tabs } from "../../components/Tabs";
import { backgroundQuery, statsQuery } from "../../data/queue";
import { count } from "../../text/format";
import type { BackgroundHealth, TaskStatsShape } from "../../wire";
import { ByType } from "./ByType";
import { FailedTab } from "./FailedTab";
import { Figures } from "./Figures";
import type { QueueTab } from "./params";
import { SchedulesTab } from "./SchedulesTab";
import { StatesOverTime } from "./StatesOverTime";
import { useQueueParams } from "./useQueueParams";
import { WaitingTab } from "./WaitingTab";
import { WebhooksTab } from "./WebhooksTab";
import { WorkersTab } from "./WorkersTab";
import "../../components/table.css";
import "./queue.css";

export function Queue(): ReactNode {
  const { api } = useApp();
  const stats = useQuery(statsQuery(api));
  const background = useQuery(backgroundQuery(api));
  return (
    <>
      <div className="head">
        <Heading title="Queue">Queue</Heading>
        <Trouble health={background.data} />
      </div>
      <Loaded query={stats}>
        {(figures) => (
          <div className="stack">
            <Figures stats={figures} />
            <StatesOverTime />
            <ByType stats={figures} />
          </div>
        )}
      </Loaded>
      <Parts stats={stats.data} background={background.data} />
    </>
  );
}

/** Why the queue does not do well, in the server's words. */
function Trouble({ health }: { health: BackgroundHealth | undefined }): ReactNode {
  if (health === undefined || health.reasons.length === 0) return null;
  return (
    <ul className="trouble sm">
      {health.reasons.map((reason) => (
        <li key={reason}>{reason}</li>
      ))}
    </ul>
  );
}

function Parts({ stats, background }: { stats: TaskStatsShape | undefined; background: BackgroundHealth | undefined }): ReactNode {
  const { params, go } = useQueueParams();
  const { tab = "waiting" } = params;
  return (
    <Tabs
      label="Parts of the queue"
      tabs={tabsOf(stats, background)}
      current={tab}
      onChoose={(name) => go({ tab: name, type: undefined, code: undefined, state: undefined, open: undefined })}
    >
      <div className="tab-body">{PANELS[tab]()}</div>
    </Tabs>
  );
}

const PANELS: Readonly<Record<QueueTab, () => ReactNode>> = {
  waiting: () => <WaitingTab />,
  failed: () => <FailedTab />,
  workers: () => <WorkersTab />,
  schedules: () => <SchedulesTab />,
  webhooks: () => <WebhooksTab />,
};

function tabsOf(stats: TaskStatsShape | undefined, background: BackgroundHealth | undefined): readonly Tab<QueueTab>[] {
  const { queued = 0, paused = 0, failed = 0 } = stats?.by_status ?? {};
  const dead = background?.webhooks.dead ?? 0;
  const alive = background?.workers.filter((worker) => worker.is_alive).length ?? 0;
  return [
    { name: "waiting", label: "Waiting", badge: <Badge value={queued + paused} /> },
    { name: "failed", label: "Failed", badge: <Badge value={failed} isBad /> },
    { name: "workers", label: "Workers", badge: <Badge value={alive} /> },
    { name: "schedules", label: "Schedules" },
    { name: "webhooks", label: "Webhooks", badge: <Badge value={dead} isBad /> },
  ];
}

function Badge({ value, isBad = false }: { value: number; isBad?: boolean }): ReactNode {
  return value === 0 ? null : <span className={isBad ? "n bad num" : "n num"}>{count(value)}</span>;
}
