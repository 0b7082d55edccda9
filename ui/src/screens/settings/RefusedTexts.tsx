// Texts that the embedder refused, each with its reason. They are found by words, and can be tried again.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { InlineError } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import { embedSource } from "../../data/embedder";
import { counted, dateAndTime, shortUrl } from "../../text/format";
import { visible } from "../../text/visible";
import type { ModelShape } from "../../wire";

const MOST_ATTEMPTS = 3;

export function RefusedTexts({ model, isActive }: { model: ModelShape; isActive: boolean }): ReactNode {
  const { api } = useApp();
  const queries = useQueryClient();
  const open = model.failures.filter((failure) => failure.attempts < MOST_ATTEMPTS);
  const sources = [...new Set(open.map((failure) => failure.source_id))];
  const again = useMutation({
    mutationFn: () => Promise.all(sources.map((id) => embedSource(api, id, isActive ? null : model.model))),
    onSettled: () => queries.invalidateQueries({ queryKey: ["embedder"] }),
  });
  return (
    <details open>
      <summary>{counted(model.failed, "text")} without a vector, found by words alone</summary>
      <div className="stack">
        <ul className="stack refused-texts" aria-label="Refused texts, the latest first">
          {model.failures.map((failure) => (
            <li key={`${failure.url} ${failure.heading_path.join(" ")} ${failure.at}`} className="sm">
              <Link to="/sources/$sourceId" params={{ sourceId: failure.source_id }} className="b">
                {visible(shortUrl(failure.url))}
              </Link>{" "}
              <span className="muted">{visible(failure.heading_path.join(" › "))}</span>
              <div className="wrap">
                <code className="mono xs">{failure.code}</code> {visible(failure.message)}
              </div>
              <div className="muted xs">
                {counted(failure.attempts, "attempt")} of {MOST_ATTEMPTS}, the last {dateAndTime(failure.at)}
              </div>
            </li>
          ))}
        </ul>
        <div className="row">
          <Button
            className="btn"
            isOff={again.isPending || sources.length === 0}
            onClick={() => again.mutate()}
          >
            <Icon name="retry" />
            {again.isPending ? "Starting…" : "Try them again"}
          </Button>
          <span className="sm muted" role="status">
            {again.data === undefined
              ? sources.length === 0
                ? "Each was tried three times, which is the most."
                : ""
              : `${counted(again.data.length, "task")} started, one for each source.`}
          </span>
          <InlineError error={again.error} />
        </div>
      </div>
    </details>
  );
}
