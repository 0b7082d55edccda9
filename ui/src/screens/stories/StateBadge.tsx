// A story's state as a badge: colour, icon and word.

import type { ReactNode } from "react";

import { TONE_CLASS } from "../../components/Bar";
import { Icon, type IconName } from "../../components/Icon";
import { STATE_FACES } from "../../text/stories";
import type { StoryState } from "../../wire";

const ICONS: Readonly<Record<StoryState, IconName>> = {
  waiting: "clock",
  working: "busy",
  needs_approval: "alert",
  written: "check",
  dry_run: "check",
  conflict: "alert",
  rejected: "slash",
  failed: "cross",
  cancelled: "slash",
  superseded: "dash",
};

export function StateBadge({ state }: { state: StoryState }): ReactNode {
  const { label, tone } = STATE_FACES[state];
  return (
    <span className={`st ${TONE_CLASS[tone]}`} data-testid="state" data-state={state}>
      <Icon name={ICONS[state]} className={state === "working" ? "spin" : ""} />
      {label}
    </span>
  );
}
