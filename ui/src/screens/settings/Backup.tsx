// Everything that the server keeps, as one file.

import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { InlineError } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import type { Api } from "../../data/api";
import { bytes } from "../../text/format";

export function Backup(): ReactNode {
  const { api } = useApp();
  const backup = useMutation({ mutationFn: () => saveBackup(api) });
  return (
    <section className="card pad setting-row" aria-label="Backup">
      <div>
        <h2>Backup</h2>
        <p className="muted sm">
          Everything that the server keeps, as it is now, as one file. The server goes on meanwhile.{" "}
          <code className="mono">gleanery restore FILE</code> makes a data folder of it.
        </p>
        <p className="sm" role="status">
          {backup.data === undefined ? null : `Saved: ${backup.data.name}, ${bytes(backup.data.size)}.`}
        </p>
        <InlineError error={backup.error} />
      </div>
      <Button className="btn" data-testid="backup" isOff={backup.isPending} onClick={() => backup.mutate()}>
        <Icon name="down" />
        {backup.isPending ? "Making the backup…" : "Make a backup"}
      </Button>
    </section>
  );
}

interface Saved {
  readonly name: string;
  readonly size: number;
}

/** By `fetch`, so that the key goes along; the browser keeps a large file on its disk. */
async function saveBackup(api: Api): Promise<Saved> {
  const file = await api.postFile("/backup");
  const name = `gleanery-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.backup.zip`;
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  return { name, size: file.size };
}
