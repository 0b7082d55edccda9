// Recurring tasks: when each comes next, what came of the last, and pausing, running, changing and deleting them.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Button, ConfirmButton } from "../../components/buttons";
import { Dialog } from "../../components/Dialog";
import { InlineError, Loaded } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import { StatusBadge } from "../../components/StatusBadge";
import { useNow } from "../../components/useNow";
import { QUEUE_KEY } from "../../data/queue";
import { changeSchedule, deleteSchedule, runSchedule, scheduleQuery, schedulesQuery } from "../../data/schedules";
import { taskQuery } from "../../data/tasks";
import { adviceFor } from "../../text/failure";
import { ago, counted, upcoming } from "../../text/format";
import { timingText } from "../../text/schedule";
import { visible } from "../../text/visible";
import type { ScheduleShape } from "../../wire";
import { More } from "./Parts";
import { ScheduleForm } from "./ScheduleForm";
import { useQueueParams } from "./useQueueParams";
import { useRowKeys } from "./useRowKeys";

export function SchedulesTab(): ReactNode {
  const { api } = useApp();
  const { params, go } = useQueueParams();
  const query = useInfiniteQuery(schedulesQuery(api));
  const close = (): void => go({ open: undefined });
  return (
    <>
      <div className="row filters">
        <span className="sp" />
        <button type="button" className="btn pri" onClick={() => go({ open: "new" })}>
          <Icon name="plus" />
          New schedule
        </button>
      </div>
      <Loaded query={query}>{(data) => <Rows schedules={data.pages.flatMap((page) => page.items)} />}</Loaded>
      <More query={query} />
      {params.open === "new" ? (
        <Dialog title="New schedule" onClose={close}>
          <ScheduleForm schedule={null} onDone={close} />
        </Dialog>
      ) : null}
      {params.open === undefined || params.open === "new" ? null : <EditDialog id={params.open} onClose={close} />}
    </>
  );
}

function EditDialog({ id, onClose }: { id: string; onClose: () => void }): ReactNode {
  const { api } = useApp();
  const query = useQuery({ ...scheduleQuery(api, id), staleTime: 0 });
  return (
    <Dialog title="Schedule" onClose={onClose}>
      <Loaded query={query}>{(schedule) => <ScheduleForm schedule={schedule} onDone={onClose} />}</Loaded>
    </Dialog>
  );
}

function Rows({ schedules }: { schedules: readonly ScheduleShape[] }): ReactNode {
  const now = useNow(1_000);
  const list = useRowKeys<HTMLUListElement>();
  if (schedules.length === 0) {
    return <p className="card pad muted">Nothing recurs yet. A schedule crawls a source again every night, say, or runs any other task.</p>;
  }
  return (
    <ul className="queue-rows schedules card" ref={list} aria-label="Schedules">
      {schedules.map((schedule) => (
        <Row key={schedule.schedule_id} schedule={schedule} now={now} />
      ))}
    </ul>
  );
}

function Row({ schedule, now }: { schedule: ScheduleShape; now: number }): ReactNode {
  const { go } = useQueueParams();
  const commands = useScheduleCommands(schedule);
  const name = visible(schedule.name);
  return (
    <li data-testid="schedule">
      <div className="ell">
        <button type="button" data-row-link className="link b" onClick={() => go({ open: schedule.schedule_id })} title={name}>
          {name}
        </button>
        <div className="muted xs ell">
          {visible(schedule.task_type)} · {visible(timingText(schedule))}
        </div>
      </div>
      <div className="sm num">
        {schedule.is_paused ? (
          <span className="st warn">
            <Icon name="pause" />
            Paused
          </span>
        ) : (
          nextText(schedule, now)
        )}
        {schedule.skipped_count === 0 ? null : <div className="muted xs">{counted(schedule.skipped_count, "tick")} passed over</div>}
      </div>
      <div className="sm w2">
        <LastRun schedule={schedule} now={now} />
      </div>
      <div className="act">
        <Actions schedule={schedule} name={name} commands={commands} />
      </div>
      {commands.error === null && schedule.last_error === null ? null : (
        <div className="err">
          <InlineError error={commands.error} />
          {schedule.last_error === null ? null : (
            <p className="sm">
              <b>The last tick made no task. {adviceFor(schedule.last_error.code).what}.</b> {visible(schedule.last_error.message)}
            </p>
          )}
        </div>
      )}
    </li>
  );
}

function nextText({ next_at: next }: ScheduleShape, now: number): string {
  if (next === null) return "never again";
  return Date.parse(next) <= now ? "now" : upcoming(next, now);
}

function LastRun({ schedule, now }: { schedule: ScheduleShape; now: number }): ReactNode {
  const { api } = useApp();
  const id = schedule.last_task_id;
  const task = useQuery({ ...taskQuery(api, id ?? ""), enabled: id !== null, refetchInterval: 5_000 }).data;
  if (id === null) return <span className="muted">did not run yet</span>;
  const when = schedule.last_at === null ? "" : ago(schedule.last_at, now);
  return (
    <span className="row">
      <Link to="/activity/$taskId" params={{ taskId: id }}>
        <span className="sr">The last task of {visible(schedule.name)}: </span>
        {task === undefined ? "last task" : <StatusBadge task={task} />}
      </Link>
      <span className="muted xs">{when}</span>
    </span>
  );
}

interface Commands {
  readonly run: () => void;
  readonly pause: (isPaused: boolean) => void;
  readonly remove: () => void;
  readonly isRunning: boolean;
  readonly isPausing: boolean;
  readonly isRemoving: boolean;
  readonly error: Error | null;
}

function useScheduleCommands({ schedule_id: id }: ScheduleShape): Commands {
  const { api } = useApp();
  const queries = useQueryClient();
  const onSettled = () => queries.invalidateQueries({ queryKey: QUEUE_KEY });
  const run = useMutation({ mutationFn: () => runSchedule(api, id), onSettled });
  const pause = useMutation({ mutationFn: (isPaused: boolean) => changeSchedule(api, id, { is_paused: isPaused }), onSettled });
  const remove = useMutation({ mutationFn: () => deleteSchedule(api, id), onSettled });
  return {
    run: () => run.mutate(),
    pause: (isPaused) => pause.mutate(isPaused),
    remove: () => remove.mutate(),
    isRunning: run.isPending,
    isPausing: pause.isPending,
    isRemoving: remove.isPending,
    error: run.error ?? pause.error ?? remove.error,
  };
}

interface ActionsProps {
  readonly schedule: ScheduleShape;
  readonly name: string;
  readonly commands: Commands;
}

function Actions({ schedule, name, commands }: ActionsProps): ReactNode {
  const isPaused = schedule.is_paused;
  return (
    <>
      <Button
        className="btn small"
        aria-label={`Run now: ${name}`}
        isOff={commands.isRunning}
        onClick={commands.run}
      >
        {commands.isRunning ? "Starting…" : "Run now"}
      </Button>
      <Button
        className="btn icon quiet"
        aria-label={`${isPaused ? "Resume" : "Pause"} ${name}`}
        title={isPaused ? "Resume" : "Pause"}
        isOff={commands.isPausing}
        onClick={() => commands.pause(!isPaused)}
      >
        <Icon name={isPaused ? "play" : "pause"} />
      </Button>
      <ConfirmButton
        label={`Delete ${name}`}
        confirmLabel="Delete?"
        pendingLabel="Deleting…"
        isPending={commands.isRemoving}
        onConfirm={commands.remove}
        icon="cross"
        isIconOnly
      />
    </>
  );
}
