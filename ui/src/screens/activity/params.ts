import { oneOf, type Raw, text } from "../../params";
import type { ActivityGroup, ActivityWish } from "../../text/activity";

const GROUPS: Readonly<Record<ActivityGroup, true>> = { attention: true, running: true, queued: true, ended: true };

/** `row` is the id of the selected task. */
export interface ActivityParams extends ActivityWish {
  readonly row?: string;
}

export function activityParams(raw: Raw): ActivityParams {
  return { ...text("q", raw.q), ...oneOf("show", GROUPS, raw.show), ...text("type", raw.type), ...text("row", raw.row) };
}
