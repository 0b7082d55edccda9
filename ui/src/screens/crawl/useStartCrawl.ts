// Starting a crawl and going to its page. Sent again after an error, or twice at once, it is still one crawl.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useRouter } from "@tanstack/react-router";
import { useRef } from "react";

import { useApp } from "../../components/app";
import { crawlAgain, startCrawl } from "../../data/crawls";
import type { CrawlStart } from "../../wire";
import { newKey } from "./newKey";

/** A new crawl, or a refresh of a source with the options that it has. */
type Asked = { readonly request: CrawlStart } | { readonly sourceId: string };

interface Started {
  readonly start: (request: CrawlStart) => void;
  readonly refresh: (sourceId: string) => void;
  readonly isPending: boolean;
  readonly error: Error | null;
  readonly reset: () => void;
}

export function useStartCrawl(onStarted: () => void = () => undefined): Started {
  const { api } = useApp();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const router = useRouter();
  const sent = useRef({ text: "", key: "", isOnItsWay: false });
  const { mutate, isPending, error, reset } = useMutation({
    mutationFn: (asked: Asked) => {
      const { key } = sent.current;
      return "request" in asked ? startCrawl(api, asked.request, key) : crawlAgain(api, asked.sourceId, key);
    },
    onSuccess: async ({ task_id: taskId }) => {
      sent.current.text = "";
      onStarted();
      await navigate({ to: "/activity/$taskId", params: { taskId } });
      // Not before: the first run would go to the search as soon as it is known not to be empty any more.
      for (const queryKey of [["isEmpty"], ["sources"], ["tasks"]]) void queries.invalidateQueries({ queryKey });
    },
    onSettled: () => void (sent.current.isOnItsWay = false),
  });
  const send = (asked: Asked): void => {
    if (sent.current.isOnItsWay) return;
    const text = JSON.stringify(asked);
    const key = sent.current.text === text ? sent.current.key : newKey();
    sent.current = { text, key, isOnItsWay: true };
    void router.loadRouteChunk(router.routesByPath["/activity/$taskId"]);
    mutate(asked);
  };
  return { start: (request) => send({ request }), refresh: (sourceId) => send({ sourceId }), isPending, error, reset };
}
