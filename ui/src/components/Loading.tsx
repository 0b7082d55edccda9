// Something is on its way. What comes at once is not told of, neither to the eye nor to a screen reader.

import { type ReactNode, useEffect, useState } from "react";

const QUIET_MS = 300;

export function Loading({ text = "Loading…" }: { text?: string }): ReactNode {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), QUIET_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p className="muted loading" role="status">
      {isLong ? text : "\u00a0"}
    </p>
  );
}
