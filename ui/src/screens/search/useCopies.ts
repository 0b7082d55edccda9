// Copying by key and by button, with the same answer to both.

import { useCallback, useEffect, useRef, useState } from "react";

const TOLD_MS = 2_500;

export interface Copies {
  /** What to say of the last copy; empty when there is nothing to say any more. */
  readonly said: string;
  readonly copy: (text: string, saying: string) => void;
}

export function useCopies(): Copies {
  const [said, setSaid] = useState("");
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current);
    },
    [],
  );
  const copy = useCallback((text: string, saying: string) => {
    const tell = (what: string): void => {
      setSaid(what);
      if (timer.current !== null) clearTimeout(timer.current);
      timer.current = setTimeout(() => setSaid(""), TOLD_MS);
    };
    navigator.clipboard.writeText(text).then(
      () => tell(saying),
      () => tell("The browser does not allow copying here"),
    );
  }, []);
  return { said, copy };
}
