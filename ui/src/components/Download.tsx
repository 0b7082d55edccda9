// Links to files that the server makes: an ordinary link, or, where the server needs a key, a fetch with it.

import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useApp } from "./app";
import { Button } from "./buttons";
import { InlineError } from "./Failure";
import { Icon } from "./Icon";

interface Props {
  /** Below the API's prefix. */
  readonly path: string;
  readonly fileName: string;
  readonly label: string;
  readonly isSmall?: boolean;
}

export function Download({ path, fileName, label, isSmall = false }: Props): ReactNode {
  const { api, session } = useApp();
  const { mutate, isPending, error } = useMutation({ mutationFn: async () => saveAs(await api.file(path), fileName) });
  const className = isSmall ? "btn small" : "btn";
  if (session.key === null) {
    return (
      <a className={className} href={`/api/v1${path}`} download={fileName}>
        <Icon name="down" />
        {label}
      </a>
    );
  }
  return (
    <>
      <Button className={className} isOff={isPending} onClick={() => mutate()}>
        <Icon name="down" />
        {isPending ? "Fetching…" : label}
      </Button>
      <InlineError error={error} />
    </>
  );
}

function saveAs(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
