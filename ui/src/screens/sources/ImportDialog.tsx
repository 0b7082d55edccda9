// Takes in a source that another gleanery has exported.

import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, type SubmitEvent, useId, useState } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { Dialog } from "../../components/Dialog";
import { InlineError } from "../../components/Failure";
import { importSource } from "../../data/sources";
import { bytes } from "../../text/format";

export function ImportDialog({ onClose }: { onClose: () => void }): ReactNode {
  const { api } = useApp();
  const id = useId();
  const navigate = useNavigate();
  const [file, setFile] = useState<File | null>(null);
  const [mayReplace, setMayReplace] = useState(false);
  const { mutate, isPending, error } = useMutation({
    mutationFn: (chosen: File) => importSource(api, chosen, mayReplace),
    onSuccess: async ({ task_id: taskId }) => {
      onClose();
      await navigate({ to: "/activity/$taskId", params: { taskId } });
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    if (file !== null) mutate(file);
  };
  return (
    <Dialog title="Import a source" onClose={onClose}>
      <form onSubmit={submit} className="stack">
        <p className="muted sm">A source with all its pages, as Export of another gleanery gives it. Vectors of the same model come along.</p>
        <label htmlFor={id}>File (.gleanery.zip)</label>
        <input id={id} type="file" accept=".zip,application/zip" required onChange={(event) => setFile(event.target.files?.[0] ?? null)} />
        <label className="chk">
          <input type="checkbox" checked={mayReplace} onChange={(event) => setMayReplace(event.target.checked)} />
          Take the place of a source of the same address
        </label>
        <InlineError error={error} />
        <div className="row end">
          <button type="button" className="btn quiet" onClick={onClose}>
            Close
          </button>
          <Button type="submit" className="btn pri" isOff={isPending}>
            {isPending ? `Sending ${bytes(file?.size ?? 0)}…` : "Import"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
