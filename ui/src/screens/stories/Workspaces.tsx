// The workspaces of Shortcut: how the stories of each are treated. Their secrets are set here and never shown.

import { type ReactNode, useState } from "react";

import { CopyButton } from "../../components/buttons";
import { Dialog } from "../../components/Dialog";
import { counted } from "../../text/format";
import { costText } from "../../text/stories";
import { visible } from "../../text/visible";
import type { Workspace } from "../../wire";
import { WorkspaceForm } from "./WorkspaceForm";

export function Workspaces({ workspaces }: { workspaces: readonly Workspace[] }): ReactNode {
  /** The name of the one that is changed; empty for a new one. */
  const [edited, setEdited] = useState<string | null>(null);
  const workspace = workspaces.find(({ name }) => name === edited) ?? null;
  return (
    <>
      <div className="row">
        <p className="muted sm story-lead">A workspace has the labels that ask for work, what may be spent, and the two secrets of its Shortcut.</p>
        <span className="sp" />
        <button type="button" className="btn pri" onClick={() => setEdited("")}>
          New workspace
        </button>
      </div>
      {workspaces.length === 0 ? (
        <p className="card pad">
          <b>No workspace yet.</b> Make one, then give Shortcut its webhook address. <a href="/example/stories.html#begin">How it is set up</a>
        </p>
      ) : (
        <ul className="stack" aria-label="Workspaces">
          {workspaces.map((each) => (
            <Row key={each.name} workspace={each} onEdit={() => setEdited(each.name)} />
          ))}
        </ul>
      )}
      {edited === null ? null : (
        <Dialog title={workspace === null ? "New workspace" : `Workspace ${workspace.name}`} onClose={() => setEdited(null)}>
          <WorkspaceForm workspace={workspace} onDone={() => setEdited(null)} />
        </Dialog>
      )}
    </>
  );
}

function Row({ workspace, onEdit }: { workspace: Workspace; onEdit: () => void }): ReactNode {
  const { name, is_secret_set: hasSecret, is_token_set: hasToken } = workspace;
  const address = `${location.origin}/api/v1/webhooks/shortcut/${name}`;
  return (
    <li className="card pad stack" data-testid="workspace" data-name={name}>
      <div className="row">
        <h2 className="wrap">{visible(name)}</h2>
        <SetBadge isSet={hasSecret} what="Webhook secret" />
        <SetBadge isSet={hasToken} what="API token" />
        <span className="sp" />
        <button type="button" className="btn" aria-label={`Change ${name}`} onClick={onEdit}>
          Change…
        </button>
      </div>
      <p className="sm wrap">{aboutText(workspace)}</p>
      <p className="row sm">
        <span className="muted">Webhook address</span>
        <code className="mono wrap">{address}</code>
        <CopyButton text={address} label="Copy" isQuiet />
      </p>
    </li>
  );
}

export function SetBadge({ isSet, what }: { isSet: boolean; what: string }): ReactNode {
  return (
    <span className={isSet ? "st ok" : "st warn"}>
      {what} {isSet ? "set" : "not set"}
    </span>
  );
}

function aboutText(workspace: Workspace): string {
  const { enhance_label: enhance, analyze_label: analyze, enhanced_label: enhanced, analyzed_label: analyzed } = workspace;
  const labels = `“${visible(enhance)}” asks for a better story${afterText(enhanced)}, “${visible(analyze)}” for an analysis${afterText(analyzed)}.`;
  const writing = workspace.dry_run ? "Nothing is written to Shortcut." : workspace.needs_approval ? "Somebody approves before anything is written." : "What comes of it is written back at once.";
  const bounds = [workspace.max_tokens === null ? null : counted(workspace.max_tokens, "token"), costText(workspace.max_cost_usd)].filter((each) => each !== null);
  const most = bounds.length === 0 ? "with no limit" : `with ${bounds.join(" or ")} for one story at most`;
  return `${labels} ${writing} Model: ${visible(workspace.model ?? "the server's")}, ${most}.`;
}

function afterText(label: string): string {
  return label === "" ? "" : ` (then “${visible(label)}”)`;
}
