// The state of the line to the server: always to be seen in the navigation, as a banner when it stays down.

import type { ReactNode } from "react";

import type { Connection } from "../live/client";
import { useConnection } from "../live/react";

interface Look {
  readonly label: string;
  readonly dot: "" | "warn" | "bad";
}

const LOOKS: Readonly<Record<Connection, Look>> = {
  connecting: { label: "Connecting…", dot: "warn" },
  live: { label: "Live", dot: "" },
  catching_up: { label: "Catching up…", dot: "warn" },
  reconnecting: { label: "Reconnecting…", dot: "warn" },
  offline: { label: "Offline", dot: "bad" },
};

export function ConnectionState(): ReactNode {
  const connection = useConnection();
  const { label, dot } = LOOKS[connection];
  return (
    <div className="conn" data-testid="connection" data-state={connection}>
      <span className={`dot ${dot}`} aria-hidden="true" />
      <span className="conn-label">{label}</span>
    </div>
  );
}

/** The client says "offline" after 10 s without a line, not sooner. */
export function OfflineBanner(): ReactNode {
  if (useConnection() !== "offline") return null;
  return (
    <p className="banner">
      <span className="dot bad" aria-hidden="true" />
      The server can't be reached. What you see may be out of date; it catches up by itself once the line is back.
    </p>
  );
}
