// Light, dark, or as the system has it. What is chosen is applied by theme.js, which also runs before the first paint.

import { type ReactNode, useId, useState } from "react";

import { keepPreference, readPreference } from "../preferences";

type Theme = "system" | "light" | "dark";

const LABELS: Readonly<Record<Theme, string>> = { system: "As the system", light: "Light", dark: "Dark" };

export function ThemeSwitch(): ReactNode {
  const id = useId();
  const [theme, setTheme] = useState<Theme>(() => {
    const stored = readPreference("theme");
    return stored === "light" || stored === "dark" ? stored : "system";
  });
  const choose = (chosen: Theme): void => {
    keepPreference("theme", chosen === "system" ? null : chosen);
    dispatchEvent(new Event("gleanery:theme"));
    setTheme(chosen);
  };
  return (
    <div className="theme">
      <label htmlFor={id} className="sr">
        Theme
      </label>
      <select id={id} className="in small" value={theme} onChange={(event) => choose(event.target.value as Theme)}>
        {Object.entries(LABELS).map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </div>
  );
}
