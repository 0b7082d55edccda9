// Deletes a source: its name has to be typed.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, type SubmitEvent, useId, useState } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { Dialog } from "../../components/Dialog";
import { InlineError } from "../../components/Failure";
import { deleteSource } from "../../data/sources";
import { counted } from "../../text/format";
import { sourceName } from "../../text/sources";
import { visible } from "../../text/visible";
import type { SourceShape } from "../../wire";

export function DeleteDialog({ source, onClose }: { source: SourceShape; onClose: () => void }): ReactNode {
  const { api } = useApp();
  const id = useId();
  const name = sourceName(source);
  const [typed, setTyped] = useState("");
  const [isWrong, setWrong] = useState(false);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => deleteSource(api, source.source_id),
    onSuccess: async () => {
      await navigate({ to: "/sources" });
      queries.removeQueries({ queryKey: ["source", source.source_id] });
      for (const queryKey of [["sources"], ["isEmpty"], ["search"], ["searchCode"], ["schedules"]]) void queries.invalidateQueries({ queryKey });
    },
  });
  const isRight = typed.trim() === name || typed.trim() === visible(name);
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    setWrong(!isRight);
    if (isRight) mutate();
  };
  return (
    <Dialog title="Delete this source?" onClose={onClose}>
      <form onSubmit={submit} className="stack">
        <p>
          Its {counted(source.pages, "page")}, {counted(source.chunks, "chunk")} and {counted(source.code_examples, "code example")} are
          gone for good, with its older generations, its vectors, its saved queries and its schedule. They can only be had back by
          crawling again, or from an export.
        </p>
        <label htmlFor={id}>
          Type <b className="wrap">{visible(name)}</b> to delete it.
        </label>
        <input
          id={id}
          className="in"
          autoComplete="off"
          spellCheck={false}
          autoFocus
          value={typed}
          aria-invalid={isWrong}
          aria-describedby={isWrong ? `${id}-wrong` : undefined}
          data-testid="delete-name"
          onChange={(event) => {
            setTyped(event.target.value);
            setWrong(false);
          }}
        />
        {isWrong ? (
          <p id={`${id}-wrong`} className="inline-error" role="alert">
            That is not its name. Nothing was deleted.
          </p>
        ) : null}
        <InlineError error={error} />
        <div className="row end">
          <button type="button" className="btn quiet" onClick={onClose}>
            Keep it
          </button>
          <Button type="submit" className="btn danger" data-testid="confirm-delete" isOff={isPending}>
            {isPending ? "Deleting…" : "Delete"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
