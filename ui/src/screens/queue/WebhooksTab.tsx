// Webhook calls: which were taken, which are still to be made, which were given up and can be sent again.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Button, CopyButton } from "../../components/buttons";
import { Dialog } from "../../components/Dialog";
import { InlineError, Loaded } from "../../components/Failure";
import { Icon, type IconName } from "../../components/Icon";
import { useNow } from "../../components/useNow";
import { backgroundQuery, QUEUE_KEY } from "../../data/queue";
import { deliveriesQuery, deliveryQuery, retryDelivery } from "../../data/webhooks";
import { ago, count, counted, dateAndTime, duration, shortUrl } from "../../text/format";
import { visible } from "../../text/visible";
import type { DeliveryShape, DeliveryState } from "../../wire";
import { More } from "./Parts";
import { useQueueParams } from "./useQueueParams";
import { useRowKeys } from "./useRowKeys";

const FACES: Readonly<Record<DeliveryState, { readonly label: string; readonly tone: string; readonly icon: IconName }>> = {
  dead: { label: "Given up", tone: "bad", icon: "cross" },
  pending: { label: "To be sent", tone: "", icon: "clock" },
  delivered: { label: "Delivered", tone: "ok", icon: "check" },
};
const STATES: readonly DeliveryState[] = ["dead", "pending", "delivered"];

export function WebhooksTab(): ReactNode {
  const { api } = useApp();
  const { params, filter, go } = useQueueParams();
  const counts = useQuery(backgroundQuery(api)).data?.webhooks ?? {};
  const query = useInfiniteQuery(deliveriesQuery(api, params.state));
  return (
    <>
      <div className="row filters" role="group" aria-label="Filter by state">
        {STATES.map((state) => (
          <button
            key={state}
            type="button"
            className="chip"
            aria-pressed={state === params.state}
            onClick={() => filter({ state: state === params.state ? undefined : state })}
          >
            {FACES[state].label} <span className="num muted">{count(counts[state] ?? 0)}</span>
          </button>
        ))}
      </div>
      <Loaded query={query}>
        {(data) => <Rows deliveries={data.pages.flatMap((page) => page.items)} isFiltered={params.state !== undefined} />}
      </Loaded>
      <More query={query} />
      {params.open === undefined ? null : <DeliveryDialog id={params.open} onClose={() => go({ open: undefined })} />}
    </>
  );
}

function Rows({ deliveries, isFiltered }: { deliveries: readonly DeliveryShape[]; isFiltered: boolean }): ReactNode {
  const now = useNow(2_000);
  const list = useRowKeys<HTMLUListElement>();
  if (deliveries.length === 0) {
    return (
      <p className="card pad muted">
        {isFiltered ? "No call is in this state." : "No webhook was called yet. Give a task or a crawl a webhook_url to be told of its end."}
      </p>
    );
  }
  return (
    <ul className="queue-rows hooks card" ref={list} aria-label="Webhook calls, the newest first">
      {deliveries.map((delivery) => (
        <Row key={delivery.delivery_id} delivery={delivery} now={now} />
      ))}
    </ul>
  );
}

function Row({ delivery, now }: { delivery: DeliveryShape; now: number }): ReactNode {
  const { go } = useQueueParams();
  const again = useAgain(delivery.delivery_id);
  const face = FACES[delivery.state];
  const name = visible(shortUrl(delivery.url));
  return (
    <li data-testid="delivery">
      <div>
        <span className={`st ${face.tone}`}>
          <Icon name={face.icon} />
          {face.label}
        </span>
      </div>
      <div className="ell">
        <button type="button" data-row-link className="link b" onClick={() => go({ open: delivery.delivery_id })} title={name}>
          {name}
        </button>
        <div className="muted xs ell">
          {visible(delivery.type)} of{" "}
          <Link to="/activity/$taskId" params={{ taskId: delivery.task_id }}>
            {delivery.task_id}
          </Link>
        </div>
      </div>
      <div className="sm w2">
        <div className="clamp">{answerText(delivery)}</div>
        <div className="muted xs">{whenText(delivery, now)}</div>
      </div>
      <div className="act">
        {delivery.state === "dead" ? (
          <Button
            className="btn icon quiet"
            aria-label={`Send again: ${name}`}
            title="Send again"
            isOff={again.isPending}
            onClick={() => again.mutate()}
          >
            <Icon name="retry" />
          </Button>
        ) : null}
      </div>
      {again.error === null ? null : (
        <div className="err">
          <InlineError error={again.error} />
        </div>
      )}
    </li>
  );
}

function useAgain(deliveryId: string) {
  const { api } = useApp();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => retryDelivery(api, deliveryId),
    onSettled: () => queries.invalidateQueries({ queryKey: QUEUE_KEY }),
  });
}

function answerText({ last_status_code: status, last_error: error, attempts }: DeliveryShape): string {
  if (attempts === 0) return "not tried yet";
  if (error !== null) return visible(error);
  return status === null ? "no answer" : `answered ${status}`;
}

function whenText({ attempts, next_at: next, settled_at: settled, created_at: created }: DeliveryShape, now: number): string {
  const tried = counted(attempts, "attempt");
  if (settled !== null) return `${tried} · ${ago(settled, now)}`;
  if (next === null) return `${tried} · made ${ago(created, now)}`;
  const seconds = (Date.parse(next) - now) / 1000;
  return `${tried} · ${seconds > 1 ? `again in ${duration(seconds)}` : "now"}`;
}

function DeliveryDialog({ id, onClose }: { id: string; onClose: () => void }): ReactNode {
  const { api } = useApp();
  const query = useQuery(deliveryQuery(api, id));
  return (
    <Dialog title="Webhook call" onClose={onClose}>
      <Loaded query={query}>
        {(delivery) => {
          const body = JSON.stringify(delivery.body, null, 2);
          return (
            <>
              <p className="wrap">
                <b>{FACES[delivery.state].label}</b>: {visible(delivery.url)}
              </p>
              <p className="muted sm wrap">
                <code className="mono">{delivery.delivery_id}</code> · made {dateAndTime(delivery.created_at)} ·{" "}
                {counted(delivery.attempts, "attempt")} · {answerText(delivery)}
              </p>
              <pre className="body">{visible(body)}</pre>
              <div className="row end">
                <CopyButton text={body} label="Copy body" />
              </div>
            </>
          );
        }}
      </Loaded>
      <div className="row end">
        <button type="button" className="btn" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
