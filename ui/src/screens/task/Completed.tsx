// A task that is complete: what it gave, what was left out and why, what it saved.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { FactList } from "../../components/FactList";
import { counted, duration } from "../../text/format";
import { resultReasons } from "../../text/urls";
import { visible } from "../../text/visible";
import type { TaskShape } from "../../wire";
import { changesText, limitText, meaningText, numberOf, plainFacts, savedText } from "./outcome";
import { ReasonLinks } from "./ReasonLinks";
import { Choices, Warnings } from "./Running";
import type { PanelProps } from "./WhatHappened";

export function Completed(props: PanelProps): ReactNode {
  const { task, events } = props;
  if (task.task_type === "crawl" && task.result !== null) return <CrawlResult {...props} />;
  return (
    <>
      <section className="card pad note" aria-label="Result">
        <p>
          <b>{visible(task.progress.message)}.</b> {tookText(task)}
        </p>
        <Warnings events={events} />
      </section>
      {task.result === null ? null : (
        <div className="plain-result">
          <FactList facts={plainFacts(task.result)} />
        </div>
      )}
    </>
  );
}

function CrawlResult({ task, events }: PanelProps): ReactNode {
  const result = task.result ?? {};
  const failed = numberOf(result.failed);
  const further = [changesText(result), savedText(result), limitText(task, resultReasons(task))].filter((text) => text !== null);
  return (
    <section className="card pad note" aria-label="Result">
      <p>
        <b>{counted(numberOf(result.pages), "page")}</b> stored as {counted(numberOf(result.chunks), "passage")} with{" "}
        {counted(numberOf(result.code_examples), "code example")}. {meaningText(result)} {tookText(task)}
      </p>
      {further.map((text) => (
        <p key={text} className="sm">
          {text}
        </p>
      ))}
      {numberOf(result.failed_texts) > 0 ? (
        <p className="sm">{counted(numberOf(result.failed_texts), "passage")} could not be embedded: found by words only.</p>
      ) : null}
      {failed === 0 ? null : (
        <p className="sm">
          {counted(failed, "address", "addresses")} failed:{" "}
          <Link from="/activity/$taskId" search={{ tab: "problems" }}>
            why, and what can be done
          </Link>
        </p>
      )}
      <Choices events={events} />
      <Warnings events={events} />
      <ReasonLinks task={task} />
    </section>
  );
}

function tookText(task: TaskShape): string {
  return task.ran_seconds > 0 ? `It took ${duration(task.ran_seconds)}.` : "";
}
