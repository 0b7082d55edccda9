// The dialogs that can come up on any page: a new crawl, the API key, the list of shortcuts.

import { useQueryClient } from "@tanstack/react-query";
import { lazy, type ReactNode, type SubmitEvent, Suspense, useEffect, useId, useSyncExternalStore } from "react";

import { useLive } from "../live/react";
import { useApp } from "./app";
import { Dialog } from "./Dialog";
import { useShortcuts } from "./shortcuts";

const loadNewCrawl = () => import("../screens/crawl/NewCrawl");
const NewCrawl = lazy(() => loadNewCrawl().then((loaded) => ({ default: loaded.NewCrawl })));

/** Not part of what the browser loads first; fetched as soon as the page stands, so that it opens at once. */
export function NewCrawlDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }): ReactNode {
  useEffect(() => {
    loadNewCrawl().catch(() => undefined); // the server is away: it is tried again when the dialog is opened
  }, []);
  return isOpen ? (
    <Suspense>
      <NewCrawl onClose={onClose} />
    </Suspense>
  ) : null;
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
      <form onSubmit={submit} className="stack">
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
