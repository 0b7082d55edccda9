// Webhook calls: which were made, which are still to be made, which were given up.

import { queryOptions } from "@tanstack/react-query";

import type { DeliveryDetail, DeliveryPage, DeliveryState } from "../wire";
import { type Api, at } from "./api";
import { QUEUE_KEY, QUEUE_MS } from "./queue";
import { pagedQuery } from "./queryClient";

export const deliveriesQuery = (api: Api, state: DeliveryState | undefined) => ({
  ...pagedQuery([...QUEUE_KEY, "deliveries", state ?? "all"], (cursor, signal) =>
    api.get<DeliveryPage>("/webhooks/deliveries", { state, limit: 50, cursor }, signal),
  ),
  refetchInterval: QUEUE_MS,
});

export const deliveryQuery = (api: Api, deliveryId: string) =>
  queryOptions({
    queryKey: [...QUEUE_KEY, "delivery", deliveryId],
    queryFn: ({ signal }) => api.get<DeliveryDetail>(at`/webhooks/deliveries/${deliveryId}`, {}, signal),
  });

export function retryDelivery(api: Api, deliveryId: string): Promise<DeliveryDetail> {
  return api.post(at`/webhooks/deliveries/${deliveryId}/retry`);
}
