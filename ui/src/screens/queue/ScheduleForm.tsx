// The form of a schedule: what runs, and when. A new one can be made from a source; any other task is its type and JSON.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SubmitEvent, useState } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { Field } from "../../components/Field";
import { WrongField } from "../../components/WrongField";
import { QUEUE_KEY } from "../../data/queue";
import { changeSchedule, createSchedule } from "../../data/schedules";
import { dateAndTime } from "../../text/format";
import { crawlPayload, intervalOf, MISSED_NAMES, payloadOf, type Timing, timingFields } from "../../text/schedule";
import type { MissedTicks, ScheduleDetail, ScheduleRequest, SourceShape } from "../../wire";
import { TimingFields } from "./TimingFields";
import { type What, WhatFields } from "./WhatFields";

interface Props {
  /** Null for a new one. */
  readonly schedule: ScheduleDetail | null;
  readonly onDone: () => void;
}

const DEFAULT_INTERVAL = { amount: 1, unit: "days" } as const;
const DEFAULT_CRON = "30 2 * * *";
const MISSED: readonly MissedTicks[] = ["once", "skip", "all"];

export function ScheduleForm({ schedule, onDone }: Props): ReactNode {
  const [what, setWhat] = useState<What>(() => whatOf(schedule));
  const [timing, setTiming] = useState<Timing>(() => timingOf(schedule));
  const [name, setName] = useState(schedule?.name ?? "");
  const [missed, setMissed] = useState<MissedTicks>(schedule?.missed_ticks ?? "once");
  const { save, isPending, error } = useSave(schedule, onDone);
  const payload = what.kind === "source" ? null : payloadOf(what.payload);
  const isPayloadWrong = what.kind === "task" && payload === null;
  const usualName = what.kind === "source" ? nameOf(what.source) : what.taskType;
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const run =
      what.kind === "source"
        ? what.source === null
          ? null
          : { task_type: "crawl", payload: crawlPayload(what.source) }
        : payload === null
          ? null
          : { task_type: what.taskType, payload };
    if (run === null) return;
    save({ ...run, ...timingFields(timing), name: name.trim() === "" ? usualName : name.trim(), missed_ticks: missed });
  };
  return (
    <form className="stack" onSubmit={submit}>
      <WhatFields what={what} onChange={setWhat} isNew={schedule === null} isPayloadWrong={isPayloadWrong} />
      <TimingFields timing={timing} onChange={setTiming} />
      <Field label="Name">
        {(field) => (
          <input {...field} className="in" value={name} placeholder={usualName} onChange={(event) => setName(event.target.value)} />
        )}
      </Field>
      <Field label="Ticks that passed without a server">
        {(field) => (
          <select
            {...field}
            className="in"
            value={missed}
            onChange={(event) => setMissed(MISSED.find((each) => each === event.target.value) ?? "once")}
          >
            {MISSED.map((each) => (
              <option key={each} value={each}>
                {MISSED_NAMES[each]}
              </option>
            ))}
          </select>
        )}
      </Field>
      {schedule === null || schedule.next_ticks.length === 0 ? null : (
        <p className="muted sm">Comes next on {schedule.next_ticks.map(dateAndTime).join(" · ")}</p>
      )}
      <WrongField error={error} />
      <div className="row end">
        <button type="button" className="btn" onClick={onDone}>
          Close
        </button>
        <Button
          type="submit"
          className="btn pri"
          isOff={isPending || isPayloadWrong || (what.kind === "source" && what.source === null)}
        >
          {isPending ? "Saving…" : schedule === null ? "Make schedule" : "Save"}
        </Button>
      </div>
    </form>
  );
}

function useSave(schedule: ScheduleDetail | null, onDone: () => void) {
  const { api } = useApp();
  const queries = useQueryClient();
  const { mutate, isPending, error } = useMutation({
    mutationFn: (request: ScheduleRequest) =>
      schedule === null ? createSchedule(api, request) : changeSchedule(api, schedule.schedule_id, request),
    onSuccess: onDone,
    onSettled: () => queries.invalidateQueries({ queryKey: QUEUE_KEY }),
  });
  return { save: (request: ScheduleRequest): void => mutate(request), isPending, error };
}

function whatOf(schedule: ScheduleDetail | null): What {
  if (schedule === null) return { kind: "source", source: null };
  return { kind: "task", taskType: schedule.task_type, payload: JSON.stringify(schedule.payload, null, 2) };
}

function timingOf(schedule: ScheduleDetail | null): Timing {
  const seconds = schedule?.interval_seconds ?? null;
  return {
    kind: schedule?.cron == null ? "interval" : "cron",
    interval: seconds === null ? DEFAULT_INTERVAL : intervalOf(seconds),
    cron: schedule?.cron ?? DEFAULT_CRON,
    timeZone: schedule?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}

function nameOf(source: SourceShape | null): string {
  return source === null ? "" : `Refresh ${source.title === "" ? source.url : source.title}`;
}
