// What happened while the page was open: errors of its scripts, requests that failed, dialogs, windows, downloads.

import type { ReactNode } from "react";

import { bytes, count, counted } from "../../text/format";
import { visible } from "../../text/visible";
import type { ConsoleMessage, DialogSeen, FailedRequest, Incidents } from "../../wire";
import { Fold } from "./Fold";

/** How much of it is worth a look. */
export function troubles({ console: messages, failed_request_count: failed }: Incidents): number {
  return messages.filter(({ level }) => level === "error").length + failed;
}

export function IncidentsTab({ incidents }: { incidents: Incidents }): ReactNode {
  const { console: messages, console_count: said, failed_requests: failed, failed_request_count: lost, dialogs, popups, downloads } = incidents;
  return (
    <div className="stack">
      <p className="muted sm num">
        {counted(incidents.request_count, "request")}, {bytes(incidents.bytes_received)} received
      </p>
      <Fold title="Console" size={said} none="The page’s scripts reported no errors or warnings.">
        <ul className="facts-list">{messages.map(consoleRow)}</ul>
        <Rest of={said} shown={messages.length} />
      </Fold>
      <Fold title="Failed requests" size={lost} none="Everything that the page asked for came.">
        <ul className="facts-list">{failed.map(requestRow)}</ul>
        <Rest of={lost} shown={failed.length} />
      </Fold>
      {dialogs.length === 0 ? null : (
        <Fold title="Dialogs" size={dialogs.length} none="">
          <ul className="facts-list">{dialogs.map(dialogRow)}</ul>
        </Fold>
      )}
      <Addresses title="Windows that it wanted to open" urls={popups} />
      <Addresses title="Downloads that it began" urls={downloads} />
    </div>
  );
}

function consoleRow({ level, text, url, line }: ConsoleMessage, index: number): ReactNode {
  return (
    <li key={index}>
      <span className={`st plain ${level === "error" ? "bad" : "warn"}`}>{level}</span>
      <span className="mono wrap">{visible(text)}</span>
      {url === null ? null : (
        <span className="muted xs wrap">
          {visible(url)}
          {line === null ? "" : `:${line}`}
        </span>
      )}
    </li>
  );
}

function requestRow({ url, kind, reason, status }: FailedRequest, index: number): ReactNode {
  return (
    <li key={index}>
      <span className="tag">{visible(kind)}</span>
      <span className="mono wrap">{visible(url)}</span>
      <span className="muted xs wrap">{status === null ? visible(reason) : `HTTP ${status}, ${visible(reason)}`}</span>
    </li>
  );
}

const DIALOG_NAMES: Readonly<Record<DialogSeen["kind"], string>> = {
  alert: "alert",
  confirm: "question",
  prompt: "prompt",
  beforeunload: "leave the page?",
  print: "print",
  permission: "permission",
};

function dialogRow({ kind, message, answer }: DialogSeen, index: number): ReactNode {
  return (
    <li key={index}>
      <span className="tag">{DIALOG_NAMES[kind]}</span>
      <span className="wrap">{visible(message)}</span>
      <span className="muted xs wrap">answered: {visible(answer)}</span>
    </li>
  );
}

function Addresses({ title, urls }: { title: string; urls: readonly string[] }): ReactNode {
  if (urls.length === 0) return null;
  return (
    <Fold title={title} size={urls.length} none="">
      <ul className="facts-list">
        {urls.map((url, index) => (
          <li key={index} className="mono wrap">
            {visible(url)}
          </li>
        ))}
      </ul>
    </Fold>
  );
}

function Rest({ of, shown }: { of: number; shown: number }): ReactNode {
  return of > shown ? <p className="pad muted sm">The first {count(shown)} are here.</p> : null;
}
