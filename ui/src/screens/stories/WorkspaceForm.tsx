// The settings of a workspace. A secret that is left empty stays as it is; none is ever read back.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SubmitEvent, useState } from "react";

import { useApp } from "../../components/app";
import { Button, DeleteButton } from "../../components/buttons";
import { Field } from "../../components/Field";
import { WrongField } from "../../components/WrongField";
import { number, text } from "../../data/formValues";
import { deleteWorkspace, putWorkspace, WORKSPACES_KEY } from "../../data/stories";
import type { Workspace, WorkspaceRequest } from "../../wire";

interface Props {
  /** Null for a new one. */
  readonly workspace: Workspace | null;
  readonly onDone: () => void;
}

export function WorkspaceForm({ workspace, onDone }: Props): ReactNode {
  const { save, remove, isSaving, isRemoving, error } = useCommands(onDone);
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    save(() => ({ name: workspace?.name ?? text(form, "name"), request: requestOf(form) }));
  };
  return (
    <form className="stack" onSubmit={submit} autoComplete="off">
      {workspace !== null ? null : (
        <Field label="Name" hint="Small letters, digits, dots and dashes: it stands in the webhook's address.">
          {(field) => <input {...field} name="name" className="in" required maxLength={64} pattern="[a-z0-9][a-z0-9._\-]*" />}
        </Field>
      )}
      <Secret name="secret" label="Webhook secret" isSet={workspace?.is_secret_set ?? false} />
      <Secret name="api_token" label="Shortcut API token" isSet={workspace?.is_token_set ?? false} />
      <Labels workspace={workspace} />
      <div className="story-bounds">
        <Field label="Chat model" hint="Empty: the server's.">
          {(field) => <input {...field} name="model" className="in" maxLength={200} defaultValue={workspace?.model ?? ""} />}
        </Field>
        <Field label="Most tokens a story" hint="Empty: no limit.">
          {(field) => (
            <input {...field} name="max_tokens" className="in" inputMode="numeric" defaultValue={workspace === null ? "200000" : (workspace.max_tokens ?? "")} />
          )}
        </Field>
        <Field label="Most dollars a story" hint="Empty: no limit. Needs the server's price of tokens.">
          {(field) => <input {...field} name="max_cost_usd" className="in" inputMode="decimal" defaultValue={workspace?.max_cost_usd ?? ""} />}
        </Field>
      </div>
      <fieldset>
        <legend>Writing back</legend>
        <label className="chk">
          <input type="checkbox" name="needs_approval" defaultChecked={workspace?.needs_approval ?? true} /> Somebody approves before anything is written
        </label>
        <label className="chk">
          <input type="checkbox" name="dry_run" defaultChecked={workspace?.dry_run ?? false} /> Dry run: nothing is written
        </label>
      </fieldset>
      <details>
        <summary className="sm">More</summary>
        <div className="stack">
          <Field label="Oldest webhook that is taken, in seconds">
            {(field) => <input {...field} name="max_age_seconds" className="in" inputMode="numeric" defaultValue={workspace?.max_age_seconds ?? 300} />}
          </Field>
          <Field label="Call at the end of each task" hint="An address that gets a webhook. Empty: none.">
            {(field) => <input {...field} name="webhook_url" className="in" type="url" defaultValue={workspace?.webhook_url ?? ""} />}
          </Field>
        </div>
      </details>
      <WrongField error={error} />
      <div className="row end">
        {workspace === null ? null : <DeleteButton isPending={isRemoving} onConfirm={() => remove(workspace.name)} />}
        <span className="sp" />
        <button type="button" className="btn quiet" onClick={onDone}>
          Close
        </button>
        <Button type="submit" className="btn pri" isOff={isSaving}>
          {isSaving ? "Saving…" : "Save"}
        </Button>
      </div>
    </form>
  );
}

function Secret({ name, label, isSet }: { name: string; label: string; isSet: boolean }): ReactNode {
  const [isTaken, setTaken] = useState(false);
  return (
    <div className="stack story-secret">
      <Field label={label} hint={isSet ? "Set, and never shown. Left empty it stays as it is." : "Not set."}>
        {(field) => (
          <input {...field} name={name} type="password" className="in" autoComplete="new-password" maxLength={500} disabled={isTaken} placeholder={isSet ? "••••••••" : ""} />
        )}
      </Field>
      {isSet ? (
        <label className="chk sm">
          <input type="checkbox" name={`${name}_gone`} checked={isTaken} onChange={(event) => setTaken(event.target.checked)} /> Take it away
        </label>
      ) : null}
    </div>
  );
}

const LABELS = [
  { name: "enhance_label", label: "Label that asks for a better story", usual: "enhance", isNeeded: true },
  { name: "analyze_label", label: "Label that asks for an analysis", usual: "analyze", isNeeded: true },
  { name: "enhanced_label", label: "Label when it was made better", usual: "enhanced", isNeeded: false },
  { name: "analyzed_label", label: "Label when it was analysed", usual: "analyzed", isNeeded: false },
] as const;

function Labels({ workspace }: { workspace: Workspace | null }): ReactNode {
  return (
    <div className="story-labels">
      {LABELS.map(({ name, label, usual, isNeeded }) => (
        <Field key={name} label={label} hint={isNeeded ? undefined : "Empty: none."}>
          {(field) => <input {...field} name={name} className="in" maxLength={128} required={isNeeded} defaultValue={workspace?.[name] ?? usual} />}
        </Field>
      ))}
    </div>
  );
}

/** Throws an ApiError that names the field where there is no number. */
function requestOf(form: FormData): WorkspaceRequest {
  return {
    ...secretOf(form, "secret"),
    ...secretOf(form, "api_token"),
    enhance_label: text(form, "enhance_label"),
    analyze_label: text(form, "analyze_label"),
    enhanced_label: text(form, "enhanced_label"),
    analyzed_label: text(form, "analyzed_label"),
    model: text(form, "model") || null,
    max_tokens: number(form, "max_tokens"),
    max_cost_usd: number(form, "max_cost_usd"),
    dry_run: form.has("dry_run"),
    needs_approval: form.has("needs_approval"),
    max_age_seconds: number(form, "max_age_seconds") ?? 300,
    webhook_url: text(form, "webhook_url") || null,
  };
}

/** Nothing where it stays as it is; empty where it is taken away. */
function secretOf<Name extends "secret" | "api_token">(form: FormData, name: Name): { readonly [_ in Name]?: string } | Record<string, never> {
  if (form.has(`${name}_gone`)) return { [name]: "" } as { readonly [_ in Name]?: string };
  const value = text(form, name);
  return value === "" ? {} : ({ [name]: value } as { readonly [_ in Name]?: string });
}

interface Saved {
  readonly name: string;
  readonly request: WorkspaceRequest;
}

function useCommands(onDone: () => void) {
  const { api } = useApp();
  const queries = useQueryClient();
  const after = { onSuccess: onDone, onSettled: () => queries.invalidateQueries({ queryKey: WORKSPACES_KEY }) };
  const save = useMutation({
    mutationFn: (read: () => Saved) => {
      const { name, request } = read();
      return putWorkspace(api, name, request);
    },
    ...after,
  });
  const remove = useMutation({ mutationFn: (name: string) => deleteWorkspace(api, name), ...after });
  return { save: save.mutate, remove: remove.mutate, isSaving: save.isPending, isRemoving: remove.isPending, error: save.error ?? remove.error };
}
