// Starting a parse and going to its page. Sent again after an error, or twice at once, it is still one parse.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useRouter } from "@tanstack/react-router";
import { useRef } from "react";

import { useApp } from "../../components/app";
import { startParse } from "../../data/parses";
import type { ParseBody } from "../../wire";
import { newKey } from "../crawl/newKey";

interface Started {
  readonly start: (request: ParseBody) => void;
  readonly isPending: boolean;
  readonly error: Error | null;
  readonly reset: () => void;
}

export function useStartParse(): Started {
  const { api } = useApp();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const router = useRouter();
  const sent = useRef({ text: "", key: "", isOnItsWay: false });
  const { mutate, isPending, error, reset } = useMutation({
    mutationFn: (request: ParseBody) => startParse(api, request, sent.current.key),
    onSuccess: async ({ task_id: taskId }) => {
      sent.current.text = "";
      await navigate({ to: "/parse/$taskId", params: { taskId } });
      void queries.invalidateQueries({ queryKey: ["tasks"] });
    },
    onSettled: () => void (sent.current.isOnItsWay = false),
  });
  const start = (request: ParseBody): void => {
    if (sent.current.isOnItsWay) return;
    const text = JSON.stringify(request);
    const key = sent.current.text === text ? sent.current.key : newKey();
    sent.current = { text, key, isOnItsWay: true };
    void router.loadRouteChunk(router.routesByPath["/parse/$taskId"]);
    mutate(request);
  };
  return { start, isPending, error, reset };
}
