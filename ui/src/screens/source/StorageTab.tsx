// What a source takes on the disk, as a bar with its table, and what its vectors cost and saved.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { storageQuery } from "../../data/sources";
import { bytes, count, counted, dateAndTime } from "../../text/format";
import { costText } from "../../text/sources";
import { visible } from "../../text/visible";
import type { EmbeddingTask, StorageShape } from "../../wire";

type Part = "pages" | "chunks" | "code" | "vectors" | "kept";

const PARTS: Readonly<Record<Part, { readonly label: string; readonly one: string; readonly help: string }>> = {
  pages: { label: "Pages", one: "page", help: "their Markdown" },
  chunks: { label: "Chunks", one: "chunk", help: "their text, which search finds" },
  code: { label: "Code examples", one: "code example", help: "their text" },
  vectors: { label: "Vectors", one: "vector", help: "for search by meaning, of all models and generations" },
  kept: { label: "Other generations", one: "version of a page", help: "kept to go back to" },
};
const ORDER: readonly Part[] = ["pages", "chunks", "code", "vectors", "kept"];

export function StorageTab({ sourceId }: { sourceId: string }): ReactNode {
  const { api } = useApp();
  const query = useQuery({ ...storageQuery(api, sourceId), staleTime: 0 });
  return (
    <div className="tab-body stack">
      <Loaded query={query}>
        {(storage) => (
          <>
            <Disk storage={storage} />
            <Cost storage={storage} />
          </>
        )}
      </Loaded>
    </div>
  );
}

function Disk({ storage }: { storage: StorageShape }): ReactNode {
  const { total_bytes: total } = storage;
  return (
    <section className="card pad stack" aria-labelledby="storage-heading">
      <h2 id="storage-heading" className="num">
        {bytes(total)} on the disk
      </h2>
      <div className="parts" aria-hidden="true">
        {ORDER.map((part, index) =>
          storage[part].size_bytes === 0 ? null : (
            <span key={part} className={`share series-${index}`} style={{ flexGrow: storage[part].size_bytes }} />
          ),
        )}
      </div>
      <div className="table-frame" tabIndex={0} role="region" aria-label="Storage by part">
        <table className="sheet">
          <thead>
            <tr>
              <th scope="col">Part</th>
              <th scope="col" className="right">
                Size
              </th>
              <th scope="col" className="right">
                Share
              </th>
              <th scope="col">Of what</th>
            </tr>
          </thead>
          <tbody>
            {ORDER.map((part, index) => (
              <PartRow key={part} part={part} index={index} storage={storage} />
            ))}
          </tbody>
        </table>
      </div>
      <p className="muted xs">Text and vectors themselves. The index of words and what the database needs around them come on top.</p>
    </section>
  );
}

function PartRow({ part, index, storage }: { part: Part; index: number; storage: StorageShape }): ReactNode {
  const { label, one, help } = PARTS[part];
  const { count: many, size_bytes: size } = storage[part];
  const share = storage.total_bytes === 0 ? 0 : size / storage.total_bytes;
  const versions = part === "kept" ? "versions of pages" : undefined;
  return (
    <tr data-testid={`storage-${part}`} data-bytes={size}>
      <th scope="row">
        <span className={`share swatch series-${index}`} aria-hidden="true" /> {label}
      </th>
      <td className="num right" title={counted(size, "byte")}>
        {bytes(size)}
      </td>
      <td className="num right">{Math.round(share * 100)} %</td>
      <td className="muted">
        <span className="num">{counted(many, one, versions)}</span>, {help}
      </td>
    </tr>
  );
}

function Cost({ storage: { embedding, tasks } }: { storage: StorageShape }): ReactNode {
  const cost = costText(embedding.cost_usd);
  const spared = costText(embedding.saved_usd);
  return (
    <section className="card pad stack" aria-labelledby="cost-heading">
      <h2 id="cost-heading">What its vectors took</h2>
      <dl className="sums num">
        <Sum label="Tokens charged" value={count(embedding.tokens)} note={cost === null ? "price not known" : `cost ${cost}`} />
        <Sum
          label="Tokens saved by refreshes"
          value={count(embedding.saved_tokens)}
          note={spared === null ? `${counted(embedding.saved_chunks, "chunk")} kept their vectors` : `would have cost ${spared}`}
        />
        <Sum label="Pages not fetched again" value={count(embedding.pages_not_fetched)} note="the site said they are unchanged" />
      </dl>
      {tasks.length === 0 ? (
        <p className="muted sm">No task that made vectors is kept any more.</p>
      ) : (
        <div className="table-frame" tabIndex={0} role="region" aria-label="Tokens by task">
          <table className="sheet">
            <thead>
              <tr>
                <th scope="col">Task</th>
                <th scope="col">When</th>
                <th scope="col">Model</th>
                <th scope="col" className="right">
                  Tokens
                </th>
                <th scope="col" className="right">
                  Cost
                </th>
                <th scope="col" className="right">
                  Saved
                </th>
              </tr>
            </thead>
            <tbody>
              {tasks.map((task) => (
                <TaskCost key={task.task_id} task={task} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p className="muted xs">
        Over the tasks that are still kept. A model on the server's own machine charges nothing. Prices are those that are known or set
        with the embedder.
      </p>
    </section>
  );
}

function Sum({ label, value, note }: { label: string; value: string; note: string }): ReactNode {
  return (
    <div>
      <dt className="muted sm">{label}</dt>
      <dd>
        <b>{value}</b> <span className="muted xs">{note}</span>
      </dd>
    </div>
  );
}

function TaskCost({ task }: { task: EmbeddingTask }): ReactNode {
  const made = task.generation === null ? "Vectors alone" : `Generation ${task.generation}`;
  return (
    <tr data-testid="task-cost">
      <th scope="row">
        <Link to="/activity/$taskId" params={{ taskId: task.task_id }}>
          {made}
        </Link>
      </th>
      <td className="muted num">{dateAndTime(task.created_at)}</td>
      <td className="mono xs">{visible(task.model ?? "none")}</td>
      <td className="num right">{count(task.tokens)}</td>
      <td className="num right">{costText(task.cost_usd) ?? "not known"}</td>
      <td className="num right">{count(task.saved_tokens)}</td>
    </tr>
  );
}
