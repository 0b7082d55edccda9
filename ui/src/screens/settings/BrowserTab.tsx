// How this browser shows things, and the key that it sends.

import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState, useSyncExternalStore } from "react";

import { useApp } from "../../components/app";
import { useShortcuts } from "../../components/shortcuts";
import { ThemeSwitch } from "../../components/ThemeSwitch";
import { useLive } from "../../live/react";

export function BrowserTab(): ReactNode {
  const { isOn, setOn } = useShortcuts();
  return (
    <section className="card pad stack" aria-label="This browser">
      <div className="setting-row">
        <div>
          <h2>Theme</h2>
          <p className="muted sm">Kept in this browser.</p>
        </div>
        <ThemeSwitch />
      </div>
      <div className="setting-row">
        <div>
          <h2>Keyboard shortcuts</h2>
          <p className="muted sm">
            Single keys such as <kbd>/</kbd> and <kbd>c</kbd>. <kbd>?</kbd> lists them. Turn them off if they get in the way of other
            software.
          </p>
        </div>
        <label className="chk">
          <input type="checkbox" checked={isOn} onChange={(event) => setOn(event.target.checked)} />
          Use shortcuts
        </label>
      </div>
      <KeyRow />
    </section>
  );
}

function KeyRow(): ReactNode {
  const { session } = useApp();
  const live = useLive();
  const queries = useQueryClient();
  const [isForgotten, setForgotten] = useState(false);
  const hasKey = useSyncExternalStore(
    (listener) => session.subscribe(listener),
    () => session.key !== null,
  );
  const forget = (): void => {
    session.forgetKey();
    live.setKey(null);
    setForgotten(true);
    void queries.resetQueries();
  };
  return (
    <div className="setting-row">
      <div>
        <h2>API key</h2>
        <p className="muted sm" role="status">
          {hasKey
            ? "This tab sends a key. It is kept until the tab is closed."
            : isForgotten
              ? "The key is forgotten."
              : "This tab sends none. A server that needs one asks for it."}
        </p>
      </div>
      {hasKey ? (
        <button type="button" className="btn" onClick={forget}>
          Forget the key
        </button>
      ) : null}
    </div>
  );
}
