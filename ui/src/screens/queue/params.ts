import { oneOf, type Raw, text } from "../../params";

export type QueueTab = "waiting" | "failed" | "workers" | "schedules" | "webhooks";
export type QueueWindow = "1h" | "6h" | "24h" | "7d";
export type DeliveryFilter = "pending" | "delivered" | "dead";

const TABS: Readonly<Record<QueueTab, true>> = { waiting: true, failed: true, workers: true, schedules: true, webhooks: true };
const WINDOWS: Readonly<Record<QueueWindow, true>> = { "1h": true, "6h": true, "24h": true, "7d": true };
const DELIVERIES: Readonly<Record<DeliveryFilter, true>> = { pending: true, delivered: true, dead: true };

export interface QueueParams {
  readonly tab?: QueueTab;
  readonly window?: QueueWindow;
  /** Only tasks of this type. */
  readonly type?: string;
  /** Only tasks that failed with this code. */
  readonly code?: string;
  /** Only webhook calls in this state. */
  readonly state?: DeliveryFilter;
  /** The schedule or webhook call that is open in a dialog; `new` for a schedule to be. */
  readonly open?: string;
}

export function queueParams(raw: Raw): QueueParams {
  return {
    ...oneOf("tab", TABS, raw.tab),
    ...oneOf("window", WINDOWS, raw.window),
    ...text("type", raw.type),
    ...text("code", raw.code),
    ...oneOf("state", DELIVERIES, raw.state),
    ...text("open", raw.open),
  };
}
