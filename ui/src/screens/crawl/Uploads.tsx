// Files instead of an address: chosen or dropped, sent one after the other, each with its progress and what came of it.

import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, type RefObject, useEffect, useEffectEvent, useReducer, useRef, useState } from "react";

import { useApp } from "../../components/app";
import { Bar } from "../../components/Bar";
import { InlineError } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import { StatusBadge } from "../../components/StatusBadge";
import { ApiError } from "../../data/api";
import { uploadFile } from "../../data/crawls";
import { useTasks } from "../../live/react";
import { bytes } from "../../text/format";
import { visible } from "../../text/visible";
import { newKey } from "./newKey";
import { type Upload, uploadsAfter, type UploadState } from "./uploads";

/** `onLeave` is called when a link leads away. */
export function Uploads({ onLeave }: { onLeave?: () => void }): ReactNode {
  const { uploads, add, again, drop } = useUploads();
  const zone = useRef<HTMLElement>(null);
  const isOver = useFileDrop(zone, add);
  return (
    <section className={isOver ? "uploads over" : "uploads"} aria-label="Upload files" ref={zone}>
      <div className="row">
        <label className="btn small file">
          <Icon name="plus" />
          Upload files
          <input
            type="file"
            multiple
            className="sr"
            data-testid="upload-files"
            onChange={(event) => {
              add(event.target.files ?? []);
              event.target.value = ""; // the same file can be chosen again
            }}
          />
        </label>
        <span className="muted sm">
          {isOver ? "Drop to upload" : "or drop them here: PDF, DOCX, Markdown, HTML, text, notebooks, OpenAPI"}
        </span>
      </div>
      {uploads.length === 0 ? null : (
        <ul className="upload-list sm" aria-label="Files">
          {uploads.map((upload) => (
            <Row key={upload.key} upload={upload} onAgain={again} onDrop={drop} onLeave={onLeave} />
          ))}
        </ul>
      )}
    </section>
  );
}

interface UseUploads {
  readonly uploads: readonly Upload[];
  readonly add: (files: Iterable<File>) => void;
  readonly again: (key: string) => void;
  readonly drop: (key: string) => void;
}

function useUploads(): UseUploads {
  const { api } = useApp();
  const queries = useQueryClient();
  const [uploads, tell] = useReducer(uploadsAfter, []);
  const line = useRef<{ readonly waiting: Upload[]; isMoving: boolean }>({ waiting: [], isMoving: false });
  const send = async ({ key, file }: Upload): Promise<void> => {
    const told = (state: UploadState): void => tell({ do: "tell", key, state });
    told({ name: "sending", share: 0 });
    try {
      const { task_id: taskId } = await uploadFile(api, file, { key, onSent: (share) => told({ name: "sending", share }) });
      told({ name: "taken", taskId });
      for (const queryKey of [["sources"], ["tasks"]]) void queries.invalidateQueries({ queryKey });
    } catch (error) {
      told({ name: "failed", error: error instanceof Error ? error : new Error(String(error)) });
    }
  };
  // Goes on when the dialog is closed: what was dropped is sent.
  const move = async (more: readonly Upload[]): Promise<void> => {
    const { current } = line;
    current.waiting.push(...more);
    if (current.isMoving) return;
    current.isMoving = true;
    for (let next = current.waiting.shift(); next !== undefined; next = current.waiting.shift()) await send(next);
    current.isMoving = false;
  };
  return {
    uploads,
    add: (files) => {
      const added = [...files].map((file): Upload => ({ key: newKey(), file, state: { name: "waiting" } }));
      tell({ do: "add", uploads: added });
      void move(added);
    },
    again: (key) => {
      tell({ do: "tell", key, state: { name: "waiting" } });
      void move(uploads.filter((upload) => upload.key === key));
    },
    drop: (key) => tell({ do: "drop", key }),
  };
}

/** Takes files dropped anywhere on the dialog or the page; whether some are held over it. */
function useFileDrop(zone: RefObject<HTMLElement | null>, onFiles: (files: Iterable<File>) => void): boolean {
  const [isOver, setOver] = useState(false);
  const take = useEffectEvent(onFiles);
  useEffect(() => {
    const target = zone.current?.closest<HTMLElement>("dialog, main");
    if (target === null || target === undefined) return;
    const over = (event: DragEvent): void => {
      if (event.dataTransfer?.types.includes("Files") !== true) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent): void => {
      if (!(event.relatedTarget instanceof Node && target.contains(event.relatedTarget))) setOver(false);
    };
    const drop = (event: DragEvent): void => {
      if (event.dataTransfer?.types.includes("Files") !== true) return;
      event.preventDefault();
      setOver(false);
      take(event.dataTransfer.files);
    };
    target.addEventListener("dragover", over);
    target.addEventListener("dragleave", leave);
    target.addEventListener("drop", drop);
    return () => {
      target.removeEventListener("dragover", over);
      target.removeEventListener("dragleave", leave);
      target.removeEventListener("drop", drop);
    };
  }, [zone]);
  return isOver;
}

interface RowProps {
  readonly upload: Upload;
  readonly onAgain: (key: string) => void;
  readonly onDrop: (key: string) => void;
  readonly onLeave: (() => void) | undefined;
}

function Row({ upload, onAgain, onDrop, onLeave }: RowProps): ReactNode {
  const { key, file, state } = upload;
  return (
    <li data-testid="upload" data-state={state.name}>
      <span className="wrap">
        {visible(file.name)} <span className="muted num">{bytes(file.size)}</span>
      </span>
      {state.name === "waiting" ? <span className="muted">waits</span> : null}
      {state.name === "sending" ? <Sending name={file.name} share={state.share} /> : null}
      {state.name === "taken" ? <Taken taskId={state.taskId} onLeave={onLeave} /> : null}
      {state.name === "failed" ? (
        <span className="row">
          {isRefused(state.error) ? null : (
            <button type="button" className="btn small" onClick={() => onAgain(key)}>
              Try again
            </button>
          )}
          <button type="button" className="btn small icon quiet" aria-label={`Forget ${visible(file.name)}`} onClick={() => onDrop(key)}>
            <Icon name="cross" />
          </button>
        </span>
      ) : null}
      {state.name === "failed" ? (
        <div className="wide">
          {isRefused(state.error) ? (
            <p className="inline-error" role="alert">
              {visible(state.error.message)}
            </p>
          ) : (
            <InlineError error={state.error} />
          )}
        </div>
      ) : null}
    </li>
  );
}

/** Whether the server would say the same again, and has said it all. */
function isRefused(error: Error): boolean {
  return error instanceof ApiError && [413, 415, 422].includes(error.status);
}

function Sending({ name, share }: { name: string; share: number }): ReactNode {
  const text = share < 1 ? `${Math.floor(share * 100)} % sent` : "being stored";
  return <Bar label={`Upload of ${visible(name)}`} value={share < 1 ? share * 100 : null} tone="run" text={text} />;
}

function Taken({ taskId, onLeave }: { taskId: string; onLeave: (() => void) | undefined }): ReactNode {
  const task = useTasks().byId.get(taskId);
  return (
    <span className="row">
      {task === undefined ? <span className="muted">queued</span> : <StatusBadge task={task} />}
      <Link to="/activity/$taskId" params={{ taskId }} {...(onLeave === undefined ? {} : { onClick: onLeave })}>
        Open
      </Link>
    </span>
  );
}
