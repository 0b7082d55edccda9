// When a source is refreshed by itself: on or off, how often or by cron, whom to call.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, type SubmitEvent, useState } from "react";

import { useApp } from "../../components/app";
import { Button, ConfirmButton } from "../../components/buttons";
import { InlineError, Loaded } from "../../components/Failure";
import { useNow } from "../../components/useNow";
import { changeRefreshSchedule, deleteRefreshSchedule, putRefreshSchedule, refreshSchedulesQuery } from "../../data/refreshSchedules";
import { adviceFor } from "../../text/failure";
import { ago, dateAndTime } from "../../text/format";
import { scheduleText, until } from "../../text/sources";
import { visible } from "../../text/visible";
import type { ScheduleShape, SourceScheduleRequest, SourceShape } from "../../wire";

export function ScheduleForm({ source }: { source: SourceShape }): ReactNode {
  const { api } = useApp();
  const query = useQuery(refreshSchedulesQuery(api));
  return (
    <Loaded query={query}>
      {(all) => {
        const schedule = all.get(source.source_id);
        return schedule === undefined ? <Times source={source} schedule={null} /> : <Kept source={source} schedule={schedule} />;
      }}
    </Loaded>
  );
}

/** After a change the listing of schedules is read anew. */
function useStale(): () => Promise<void> {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: ["schedules"] });
}

function Kept({ source, schedule }: { source: SourceShape; schedule: ScheduleShape }): ReactNode {
  const { api } = useApp();
  const stale = useStale();
  const { schedule_id: scheduleId, is_paused: isPaused } = schedule;
  // What was asked for shows at once, until it is known how it stands.
  const [wanted, setWanted] = useState<boolean | null>(null);
  const turn = useMutation({
    mutationFn: (toOn: boolean) => changeRefreshSchedule(api, scheduleId, { is_paused: !toOn }),
    onSettled: async () => {
      await stale();
      setWanted(null);
    },
  });
  const change = (toOn: boolean): void => {
    if (wanted !== null) return;
    setWanted(toOn);
    turn.mutate(toOn);
  };
  const remove = useMutation({ mutationFn: () => deleteRefreshSchedule(api, scheduleId), onSettled: stale });
  return (
    <div className="stack" data-testid="schedule">
      <label className="chk">
        <input type="checkbox" checked={wanted ?? !isPaused} aria-disabled={wanted !== null} onChange={(event) => change(event.target.checked)} />
        Refreshed {scheduleText(schedule)}
      </label>
      <NextAndLast schedule={schedule} />
      <details>
        <summary className="sm">Change or remove it</summary>
        <div className="stack pad-top">
          <Times source={source} schedule={schedule} />
          <div className="row">
            <ConfirmButton
              label="Remove the schedule"
              confirmLabel="Yes, remove it"
              pendingLabel="Removing…"
              isPending={remove.isPending}
              onConfirm={() => remove.mutate()}
              icon="cross"
            />
          </div>
        </div>
      </details>
      <InlineError error={turn.error ?? remove.error} />
    </div>
  );
}

function NextAndLast({ schedule }: { schedule: ScheduleShape }): ReactNode {
  const now = useNow(30_000);
  const { next_at: next, last_at: last, last_task_id: taskId, last_error: error, webhook_url: webhook } = schedule;
  return (
    <ul className="sm muted num facts">
      <li>{next === null ? "Paused: no next refresh." : `Next ${until(next, now)}, ${dateAndTime(next)}.`}</li>
      {last === null ? null : (
        <li>
          Last {ago(last, now)}
          {taskId === null ? null : (
            <>
              {": "}
              <Link to="/activity/$taskId" params={{ taskId }}>
                its task
              </Link>
            </>
          )}
          .
        </li>
      )}
      {error === null ? null : (
        <li className="inline-error">
          The last tick made no task: {adviceFor(error.code).what}. {visible(error.message)}
        </li>
      )}
      {webhook === null ? null : <li className="wrap">Calls {visible(webhook)} with what changed.</li>}
    </ul>
  );
}

type Way = "interval" | "cron";
const UNITS = { minutes: 60, hours: 3600, days: 86_400 } as const;
type Unit = keyof typeof UNITS;

function Times({ source, schedule }: { source: SourceShape; schedule: ScheduleShape | null }): ReactNode {
  const { api } = useApp();
  const stale = useStale();
  const [way, setWay] = useState<Way>(schedule?.cron == null ? "interval" : "cron");
  const { mutate, isPending, error } = useMutation({
    mutationFn: (asked: SourceScheduleRequest) =>
      schedule === null ? putRefreshSchedule(api, source.source_id, asked) : changeRefreshSchedule(api, schedule.schedule_id, asked),
    onSuccess: stale,
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    mutate(requestOf(new FormData(event.currentTarget), way));
  };
  return (
    <form onSubmit={submit} className="stack">
      {schedule === null ? <p className="muted sm">It is refreshed by hand alone. Have it refreshed by itself:</p> : null}
      <div className="row" role="radiogroup" aria-label="By interval or by cron">
        <label className="chk sm">
          <input type="radio" name="way" checked={way === "interval"} onChange={() => setWay("interval")} /> every so often
        </label>
        <label className="chk sm">
          <input type="radio" name="way" checked={way === "cron"} onChange={() => setWay("cron")} /> at set times (cron)
        </label>
      </div>
      {way === "interval" ? <Interval seconds={schedule?.interval_seconds ?? null} /> : <Cron schedule={schedule} />}
      <label className="field sm">
        Webhook, called with what changed (may be empty)
        <input className="in" name="webhook" inputMode="url" defaultValue={schedule?.webhook_url ?? ""} placeholder="https://" />
      </label>
      <InlineError error={error} />
      <div className="row">
        <Button type="submit" className="btn pri" isOff={isPending}>
          {isPending ? "Saving…" : schedule === null ? "Refresh by itself" : "Save"}
        </Button>
      </div>
    </form>
  );
}

function Interval({ seconds }: { seconds: number | null }): ReactNode {
  const unit: Unit = seconds === null || seconds % UNITS.days === 0 ? "days" : seconds % UNITS.hours === 0 ? "hours" : "minutes";
  const every = seconds === null ? 1 : seconds / UNITS[unit];
  return (
    <div className="row sm">
      <label className="row">
        Every
        <input className="in small short" name="every" type="number" min={1} step="any" required defaultValue={every} />
      </label>
      <select className="in small" name="unit" aria-label="Unit" defaultValue={unit}>
        {Object.keys(UNITS).map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </div>
  );
}

function Cron({ schedule }: { schedule: ScheduleShape | null }): ReactNode {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <div className="pair">
      <label className="field sm">
        Minute, hour, day of month, month, day of week
        <input className="in mono" name="cron" required spellCheck={false} defaultValue={schedule?.cron ?? "30 2 * * *"} />
      </label>
      <label className="field sm">
        Time zone
        <input className="in" name="zone" required spellCheck={false} defaultValue={schedule?.cron == null ? here : schedule.time_zone} />
      </label>
    </div>
  );
}

function requestOf(form: FormData, way: Way): SourceScheduleRequest {
  const text = (name: string): string => {
    const value = form.get(name);
    return typeof value === "string" ? value.trim() : "";
  };
  const webhook = { webhook_url: text("webhook") === "" ? null : text("webhook") };
  if (way === "cron") return { cron: text("cron"), time_zone: text("zone"), ...webhook };
  const unit = text("unit");
  const seconds = unit === "minutes" || unit === "hours" ? UNITS[unit] : UNITS.days;
  return { interval_seconds: Number(text("every")) * seconds, ...webhook };
}
