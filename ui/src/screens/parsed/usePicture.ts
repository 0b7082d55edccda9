// Where the screenshot's bytes are: under its own address, or, where the server needs a key, fetched with it.

import { useQuery } from "@tanstack/react-query";
import { type RefCallback, useCallback } from "react";

import { useApp } from "../../components/app";
import { screenshotQuery } from "../../data/parses";
import type { ParseShape } from "../../wire";

interface Picture {
  /** What its `<img>` takes; null while there is nothing to show. */
  readonly picture: { readonly src: string } | { readonly ref: RefCallback<HTMLImageElement> } | null;
  /** It can't be had. */
  readonly isGone: boolean;
}

export function usePicture(id: string, { screenshot_url: url }: ParseShape): Picture {
  const { api, session } = useApp();
  const needsKey = session.key !== null;
  const { data: file, error } = useQuery({ ...screenshotQuery(api, id), enabled: needsKey && url !== null });
  const ref = useCallback(
    (image: HTMLImageElement | null) => {
      if (image === null || file === undefined) return undefined;
      const made = URL.createObjectURL(file);
      image.src = made;
      return () => URL.revokeObjectURL(made);
    },
    [file],
  );
  if (needsKey) return { picture: file === undefined ? null : { ref }, isGone: error !== null };
  return { picture: url === null ? null : { src: url }, isGone: false };
}
