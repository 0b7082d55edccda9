// Saves a query, or changes a saved one.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SubmitEvent, useId } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { Dialog } from "../../components/Dialog";
import { InlineError } from "../../components/Failure";
import { saveQuery } from "../../data/savedQueries";
import type { SavedQueryRequest, SavedQueryShape } from "../../wire";

interface Props {
  readonly sourceId: string;
  /** Null for a new one. */
  readonly query: SavedQueryShape | null;
  readonly onClose: () => void;
}

export function QueryDialog({ sourceId, query, onClose }: Props): ReactNode {
  const { api } = useApp();
  const id = useId();
  const queries = useQueryClient();
  const { mutate, isPending, error } = useMutation({
    mutationFn: (request: SavedQueryRequest) => saveQuery(api, sourceId, query?.query_id ?? null, request),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["source", sourceId, "queries"] });
      onClose();
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string): string => {
      const value = form.get(name);
      return typeof value === "string" ? value : "";
    };
    const expected = text("expected")
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "");
    mutate({ query: text("query"), expected, ...(query === null ? {} : { filters: query.filters }) });
  };
  return (
    <Dialog title={query === null ? "Save a query" : "Change this query"} onClose={onClose}>
      <form onSubmit={submit} className="stack">
        <label className="field sm">
          What people type
          <input className="in" name="query" required autoFocus autoComplete="off" maxLength={2000} defaultValue={query?.query ?? ""} />
        </label>
        <label className="field sm" htmlFor={id}>
          The pages that it should find, one a line
        </label>
        <textarea
          id={id}
          className="in mono"
          name="expected"
          rows={4}
          required
          spellCheck={false}
          placeholder="/guide/install.html"
          aria-describedby={`${id}-help`}
          defaultValue={query?.expected.join("\n") ?? ""}
        />
        <p id={`${id}-help`} className="muted xs">
          Paths of this source, or whole addresses.
        </p>
        <InlineError error={error} />
        <div className="row end">
          <button type="button" className="btn quiet" onClick={onClose}>
            Close
          </button>
          <Button type="submit" className="btn pri" isOff={isPending}>
            {isPending ? "Saving…" : "Save"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
