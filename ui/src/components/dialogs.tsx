// The dialogs that can come up on any page: a new crawl, the API key, the list of shortcuts.

import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SubmitEvent, useId, useSyncExternalStore } from "react";

import { useLive } from "../live/react";
import { useApp } from "./app";
import { CrawlForm } from "../screens/crawl/CrawlForm";
import { Dialog } from "./Dialog";
import { useShortcuts } from "./shortcuts";

export function NewCrawlDialog({ onClose }: { onClose: () => void }): ReactNode {
  return (
    <Dialog title="New crawl" onClose={onClose}>
      <p className="muted sm">All pages below the address are taken. You can search as soon as the first are stored.</p>
      <CrawlForm onStarted={onClose} />
      <div className="row end">
        <button type="button" className="btn quiet" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

/** Asks for the key when the server wants one; everything is read again with it. */
export function KeyDialog(): ReactNode {
  const { session } = useApp();
  const live = useLive();
  const queries = useQueryClient();
  const id = useId();
  const isWanted = useSyncExternalStore(
    (listener) => session.subscribe(listener),
    () => session.isKeyWanted,
  );
  if (!isWanted) return null;
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const key = new FormData(event.currentTarget).get("key");
    if (typeof key !== "string" || key.trim() === "") return;
    session.keepKey(key.trim());
    live.setKey(key.trim());
    void queries.resetQueries();
  };
  return (
    <Dialog title="API key" onClose={null}>
      <form onSubmit={submit} className="crawl-form">
        <label htmlFor={id}>
          {session.key === null
            ? "This server needs an API key. It is kept until you close this tab."
            : "The server did not take the key. Enter another one."}
        </label>
        <div className="row">
          <input id={id} name="key" type="password" className="in" autoComplete="off" autoFocus required data-testid="api-key" />
          <button type="submit" className="btn pri">
            Use key
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export function ShortcutsDialog({ onClose }: { onClose: () => void }): ReactNode {
  const { registry: known, isOn, setOn } = useShortcuts();
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl className="keys">
        {known.list.map(({ keys, does }) => (
          <div key={keys + does}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label className="chk">
        <input type="checkbox" checked={isOn} onChange={(event) => setOn(event.target.checked)} /> Use shortcuts
      </label>
      <div className="row end">
        <button type="button" className="btn" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
