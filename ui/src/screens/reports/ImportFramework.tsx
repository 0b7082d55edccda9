// Takes in a version of a framework from a file.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SubmitEvent, useState } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { Code } from "../../components/Code";
import { Dialog } from "../../components/Dialog";
import { Field } from "../../components/Field";
import { WrongField } from "../../components/WrongField";
import { addFramework, FRAMEWORKS_KEY } from "../../data/compliance";
import { counted } from "../../text/format";
import { visible } from "../../text/visible";
import type { FrameworkSummary } from "../../wire";

const EXAMPLE = `id: house-rules
version: "1"
title: House rules
controls:
  - id: H-1
    title: Backups
    text: Backups are made each night and a restore is tried.
    queries: [nightly backup, test a restore]`;

export function ImportFramework({ onClose }: { onClose: () => void }): ReactNode {
  const { api } = useApp();
  const queries = useQueryClient();
  const [file, setFile] = useState<File | null>(null);
  const { mutate, isPending, error, data } = useMutation({
    mutationFn: (chosen: File) => addFramework(api, chosen),
    onSuccess: () => queries.invalidateQueries({ queryKey: FRAMEWORKS_KEY }),
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    if (file !== null) mutate(file);
  };
  return (
    <Dialog title="Import a framework" onClose={onClose}>
      <form onSubmit={submit} className="stack">
        <Field label="File" hint="YAML, or JSON by its name; up to 512 KB and 400 controls. A version never changes: what differs needs a new one.">
          {(field) => (
            <input {...field} type="file" accept=".yaml,.yml,.json" required onChange={(event) => setFile(event.target.files?.[0] ?? null)} />
          )}
        </Field>
        <details>
          <summary className="sm">What such a file looks like</summary>
          <Code code={EXAMPLE} language="yaml" />
        </details>
        <WrongField error={error} />
        <p role="status">{data === undefined ? "" : addedText(data)}</p>
        <div className="row end">
          <button type="button" className="btn quiet" onClick={onClose}>
            Close
          </button>
          <Button type="submit" className="btn pri" isOff={isPending}>
            {isPending ? "Importing…" : "Import"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function addedText({ title, version, control_count: controls }: FrameworkSummary): string {
  return `${visible(title)} ${visible(version)} is there, with ${counted(controls, "control")}.`;
}
