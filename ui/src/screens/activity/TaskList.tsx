// The rows of tasks. Those out of sight are drawn once and then left alone until they come near; keys move and steer.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { memo, type ReactNode, type RefCallback, type RefObject, useCallback, useEffect, useRef, useState } from "react";

import { useShortcut } from "../../components/shortcuts";
import type { TaskShape } from "../../wire";
import { type RowProps, TaskRow } from "./TaskRow";

interface Props {
  readonly tasks: readonly TaskShape[];
  readonly now: number;
  readonly movedAt: ReadonlyMap<string, number>;
  readonly turns: ReadonlyMap<string, number>;
}

const NEAR = "200px 0px";

const Row = memo(TaskRow, isSame);

export function TaskList({ tasks, now, movedAt, turns }: Props): ReactNode {
  const list = useRef<HTMLUListElement>(null);
  const { near, watch } = useNear();
  const { row: selected } = useSearch({ from: "/activity" });
  const select = useSelect();
  useRowKeys(list, selected);
  return (
    <>
      <h2 className="sr">Tasks, what needs attention first</h2>
      <ul className="rows card" ref={list}>
        {tasks.map((task) => (
          <Row
            key={task.task_id}
            task={task}
            now={now}
            movedAt={movedAt.get(task.task_id)}
            turn={turns.get(task.task_id)}
            isNear={near.has(task.task_id)}
            isSelected={task.task_id === selected}
            watch={watch}
            onSelect={select}
          />
        ))}
      </ul>
    </>
  );
}

/** A row that nobody sees is drawn anew only when its state changes, since its height and its place may then. */
function isSame(before: RowProps, next: RowProps): boolean {
  if (!next.isNear && !before.isNear) {
    return before.task.status === next.task.status && before.isSelected === next.isSelected;
  }
  return (Object.keys(next) as (keyof RowProps)[]).every((name) => Object.is(before[name], next[name]));
}

interface Near {
  readonly near: ReadonlySet<string>;
  readonly watch: RefCallback<HTMLLIElement>;
}

/** The ids of the rows in or near the part of the page that is in view. */
function useNear(): Near {
  const [near, setNear] = useState<ReadonlySet<string>>(new Set());
  const [observer] = useState(() => new IntersectionObserver((entries) => setNear((before) => after(before, entries)), { rootMargin: NEAR }));
  useEffect(() => () => observer.disconnect(), [observer]);
  const watch = useCallback(
    (row: HTMLLIElement | null) => {
      if (row === null) return undefined;
      observer.observe(row);
      return () => observer.unobserve(row);
    },
    [observer],
  );
  return { near, watch };
}

function after(near: ReadonlySet<string>, entries: readonly IntersectionObserverEntry[]): ReadonlySet<string> {
  const next = new Set(near);
  for (const { target, isIntersecting } of entries) {
    const id = target.getAttribute("data-task-id");
    if (id === null) continue;
    if (isIntersecting) next.add(id);
    else next.delete(id);
  }
  return next;
}

/** The selected row is in the URL, so that Back finds it again. */
function useSelect(): (taskId: string) => void {
  const navigate = useNavigate({ from: "/activity" });
  return useCallback(
    (taskId: string) => {
      void navigate({ search: (given) => ({ ...given, row: taskId }), replace: true, resetScroll: false });
    },
    [navigate],
  );
}

/** j and k move, p, x and r press the selected row's buttons, so that a key does what its button does, with its questions. */
function useRowKeys(list: RefObject<HTMLUListElement | null>, selected: string | undefined): void {
  const rows = (): HTMLElement[] => [...(list.current?.querySelectorAll<HTMLElement>(":scope > li") ?? [])];
  const move = (step: number): void => {
    const all = rows();
    const at = all.findIndex((row) => row.dataset.taskId === selected);
    const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + step))];
    next?.querySelector("a")?.focus();
  };
  const press = (commands: string): void => {
    const button = rows()
      .find((row) => row.dataset.taskId === selected)
      ?.querySelector<HTMLButtonElement>(commands);
    button?.focus(); // a button that asks is disarmed when it loses the focus
    button?.click();
  };
  useShortcut("j", "Next row (Enter opens it)", () => move(1));
  useShortcut("k", "Previous row", () => move(-1));
  useShortcut("p", "Pause the selected task, or go on with it", () => press("[data-testid=pause], [data-testid=resume]"));
  useShortcut("x", "Cancel the selected task (press twice)", () => press("[data-testid=cancel]"));
  useShortcut("r", "Retry the selected task", () => press("[data-testid=retry]"));
}
