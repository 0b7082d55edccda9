// The preview that is asked for, which takes seconds: it can be stopped, and a newer one takes its place.

import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { useApp } from "../../components/app";
import { previewCrawl } from "../../data/crawls";
import type { CrawlStart, PreviewShape } from "../../wire";

interface Previewed {
  readonly found: PreviewShape | undefined;
  readonly error: Error | null;
  readonly isPending: boolean;
  /** Whether the options are others than those that were looked at. */
  readonly isStale: boolean;
  readonly look: (request: CrawlStart) => void;
  /** Stops looking, and forgets what was found. */
  readonly stop: () => void;
  readonly onOptionsChange: () => void;
}

export function usePreview(): Previewed {
  const { api } = useApp();
  const running = useRef<AbortController | null>(null);
  const [isStale, setStale] = useState(false);
  const { mutate, reset, data, error, isPending } = useMutation({
    mutationFn: (request: CrawlStart) => {
      running.current?.abort();
      running.current = new AbortController();
      return previewCrawl(api, request, running.current.signal);
    },
  });
  useEffect(() => () => running.current?.abort(), []);
  const look = (request: CrawlStart): void => {
    setStale(false);
    mutate(request);
  };
  const stop = (): void => {
    running.current?.abort();
    reset();
  };
  const onOptionsChange = (): void => {
    if (error !== null) reset();
    setStale(true);
  };
  return { found: data, error, isPending, isStale, look, stop, onOptionsChange };
}
