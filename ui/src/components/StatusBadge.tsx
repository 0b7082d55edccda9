// A task's state as a badge: colour, icon and word, never colour alone.

import type { ReactNode } from "react";

import { type Face, faceLabel, faceOf, FACES } from "../text/progress";
import type { TaskShape } from "../wire";
import { TONE_CLASS } from "./Bar";
import { Icon, type IconName } from "./Icon";

const ICONS: Readonly<Record<Face, IconName>> = {
  queued: "clock",
  retrying: "retry",
  running: "busy",
  paused: "pause",
  completed: "check",
  failed: "cross",
  cancelled: "slash",
};

export function StatusBadge({ task }: { task: TaskShape }): ReactNode {
  return <FaceBadge face={faceOf(task)} status={task.status} label={faceLabel(task)} />;
}

interface FaceProps {
  readonly face: Face;
  readonly status: TaskShape["status"];
  readonly label: string;
}

/** The same for what is not a task itself. */
export function FaceBadge({ face, status, label }: FaceProps): ReactNode {
  return (
    <span className={`st ${TONE_CLASS[FACES[face].tone]}`} data-testid="status" data-status={status}>
      <Icon name={ICONS[face]} className={face === "running" ? "spin" : ""} />
      {label}
    </span>
  );
}
