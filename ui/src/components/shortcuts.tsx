// Keyboard shortcuts: one listener, a registry of what keys do on the page that is shown, and a switch to turn them off.

import { createContext, type ReactNode, useContext, useEffect, useEffectEvent, useMemo, useState } from "react";

import { keepPreference, readPreference } from "../preferences";

export interface Shortcut {
  /** A key as in `KeyboardEvent.key`, or "g" and a key: "g a". */
  readonly keys: string;
  readonly does: string;
}

interface Entry extends Shortcut {
  readonly run: (event: KeyboardEvent) => void;
}

const NAME = "shortcuts";
const SEQUENCE_MS = 1_500;

class Registry {
  private readonly entries: Entry[] = [];
  private leader: { key: string; at: number } | null = null;

  get list(): readonly Shortcut[] {
    return this.entries;
  }

  add(entry: Entry): () => void {
    this.entries.push(entry);
    return () => void this.entries.splice(this.entries.indexOf(entry), 1);
  }

  press(event: KeyboardEvent): void {
    const leader = this.leader !== null && event.timeStamp - this.leader.at < SEQUENCE_MS ? `${this.leader.key} ` : "";
    const keys = leader + event.key;
    this.leader = null;
    const entry = this.entries.findLast((some) => some.keys === keys);
    if (entry !== undefined) {
      event.preventDefault();
      entry.run(event);
    } else if (this.entries.some((some) => some.keys.startsWith(`${event.key} `))) {
      this.leader = { key: event.key, at: event.timeStamp };
    }
  }
}

interface Shortcuts {
  readonly registry: Registry;
  readonly isOn: boolean;
  readonly setOn: (isOn: boolean) => void;
}

const ShortcutsContext = createContext<Shortcuts | null>(null);

export function ShortcutsProvider({ children }: { children: ReactNode }): ReactNode {
  const [registry] = useState(() => new Registry());
  const [isOn, setIsOn] = useState(() => readPreference(NAME) !== "off");
  useEffect(() => {
    if (!isOn) return;
    const press = (event: KeyboardEvent): void => {
      if (!isTyping(event)) registry.press(event);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [registry, isOn]);
  const value = useMemo(() => {
    const setOn = (on: boolean): void => {
      keepPreference(NAME, on ? null : "off");
      setIsOn(on);
    };
    return { registry, isOn, setOn };
  }, [registry, isOn]);
  return <ShortcutsContext value={value}>{children}</ShortcutsContext>;
}

export function useShortcuts(): Shortcuts {
  const shortcuts = useContext(ShortcutsContext);
  if (shortcuts === null) throw new Error("useShortcuts needs a ShortcutsProvider above it");
  return shortcuts;
}

/** Binds keys while the component is mounted. The newest binding of a key wins. */
export function useShortcut(keys: string, does: string, run: () => void): void {
  const { registry } = useShortcuts();
  const latest = useEffectEvent(run);
  useEffect(() => registry.add({ keys, does, run: () => latest() }), [registry, keys, does]);
}

function isTyping(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return true;
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  return target.closest("input, textarea, select, [contenteditable], dialog") !== null;
}
