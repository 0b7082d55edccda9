// A progress bar. Screen readers hear of it every 2 s at most; an unknown total is shown as unknown.

import { type ReactNode, useEffect, useState } from "react";

import type { Bar as BarFacts, Tone } from "../text/progress";

const SPOKEN_MS = 2_000;

interface Props extends BarFacts {
  readonly label: string;
}

export function Bar({ value, tone, text, label }: Props): ReactNode {
  const spoken = useEvery(SPOKEN_MS, { value, text });
  const known = spoken.value === null ? {} : { "aria-valuenow": Math.round(spoken.value) };
  return (
    <div
      className="track"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuetext={spoken.text}
      {...known}
    >
      <div
        className={`fill ${tone}${value === null ? " unknown" : ""}`}
        style={value === null ? undefined : { transform: `scaleX(${Math.min(1, Math.max(0, value / 100))})` }}
      />
    </div>
  );
}

/** The value, renewed every `everyMs` at most. */
function useEvery<Value>(everyMs: number, value: Value): Value {
  const [held, setHeld] = useState({ value, at: 0 });
  const key = JSON.stringify(value);
  useEffect(() => {
    const wait = Math.max(0, held.at + everyMs - Date.now());
    const timer = setTimeout(() => {
      if (JSON.stringify(held.value) !== key) setHeld({ value: JSON.parse(key) as Value, at: Date.now() });
    }, wait);
    return () => clearTimeout(timer);
  }, [everyMs, held, key]);
  return held.value;
}

export const TONE_CLASS: Readonly<Record<Tone, string>> = { idle: "", run: "run", ok: "ok", warn: "warn", bad: "bad" };
