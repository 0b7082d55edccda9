// How many tasks waited and ran, and how many ended, over the hours before now.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { Plot } from "../../components/Plot";
import { timelineQuery } from "../../data/queue";
import { count, duration } from "../../text/format";
import { endedText, endSeries, levelSeries } from "../../text/queue";
import type { TimelineShape } from "../../wire";
import type { QueueWindow } from "./params";
import { useQueueParams } from "./useQueueParams";

const WINDOWS: Readonly<Record<QueueWindow, { readonly label: string; readonly seconds: number }>> = {
  "1h": { label: "1 hour", seconds: 3_600 },
  "6h": { label: "6 hours", seconds: 21_600 },
  "24h": { label: "24 hours", seconds: 86_400 },
  "7d": { label: "7 days", seconds: 604_800 },
};
const NAMES: readonly QueueWindow[] = ["1h", "6h", "24h", "7d"];

export function StatesOverTime(): ReactNode {
  const { api } = useApp();
  const { params, filter } = useQueueParams();
  const { window: chosen = "1h" } = params;
  const timeline = useQuery({ ...timelineQuery(api, WINDOWS[chosen].seconds), placeholderData: keepPreviousData });
  return (
    <section className="card pad" aria-label="States over time">
      <div className="row">
        <h2>Over time</h2>
        <span className="sp" />
        <div className="row" role="group" aria-label="How far back">
          {NAMES.map((name) => (
            <button
              key={name}
              type="button"
              className="chip"
              aria-pressed={name === chosen}
              onClick={() => filter({ window: name === "1h" ? undefined : name })}
            >
              {WINDOWS[name].label}
            </button>
          ))}
        </div>
      </div>
      <Loaded query={timeline}>{(data) => <Plots timeline={data} />}</Loaded>
    </section>
  );
}

function Plots({ timeline }: { timeline: TimelineShape }): ReactNode {
  const back = duration(timeline.window_seconds);
  return (
    <div className="queue-plots">
      <div data-testid="levels">
        <h3 className="sm">Waiting and running</h3>
        <Plot
          label={`Tasks that waited and ran over ${back}`}
          kind="areas"
          series={levelSeries(timeline)}
          format={count}
        />
      </div>
      <div className="ends" data-testid="ends">
        <h3 className="sm">Ended in each {duration(timeline.bucket_seconds)}</h3>
        <Plot label={`Tasks that ended over ${back}: ${endedText(timeline)}`} kind="areas" series={endSeries(timeline)} format={count} />
      </div>
      {timeline.is_whole ? null : <p className="muted sm">So many tasks ended in this time that the oldest are left out.</p>}
    </div>
  );
}
