// The dialog that starts a report: which framework, over which sources, with which limit.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, type SubmitEvent, useEffect, useRef, useState } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { Dialog } from "../../components/Dialog";
import { Loaded } from "../../components/Failure";
import { Field } from "../../components/Field";
import { WrongField } from "../../components/WrongField";
import { frameworksQuery, startReport } from "../../data/compliance";
import { number, text } from "../../data/formValues";
import { sourcesQuery } from "../../data/sources";
import { counted } from "../../text/format";
import { visible } from "../../text/visible";
import type { FrameworkSummary, ReportRequest, SourceShape } from "../../wire";
import { newKey } from "../crawl/newKey";
import { SourceChoice } from "./SourceChoice";

export function NewReport({ onClose }: { onClose: () => void }): ReactNode {
  const { api } = useApp();
  const frameworks = useQuery(frameworksQuery(api));
  const sources = useInfiniteQuery(sourcesQuery(api));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = sources;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const known = sources.data?.pages.flatMap((page) => page.items);
  return (
    <Dialog title="New report" onClose={onClose}>
      <Loaded query={frameworks}>
        {({ items }) => (
          <Loaded query={{ data: known, error: sources.error }}>{(all) => <Form frameworks={items} sources={all} onClose={onClose} />}</Loaded>
        )}
      </Loaded>
    </Dialog>
  );
}

interface FormProps {
  readonly frameworks: readonly FrameworkSummary[];
  readonly sources: readonly SourceShape[];
  readonly onClose: () => void;
}

function Form({ frameworks, sources, onClose }: FormProps): ReactNode {
  const [chosen, setChosen] = useState<ReadonlySet<string> | "all">("all");
  const [at, setAt] = useState(0);
  const { start, isPending, error } = useStart(onClose);
  const framework = frameworks[at];
  const isNoneChosen = chosen !== "all" && chosen.size === 0;
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    if (framework === undefined || isNoneChosen) return;
    start(() => ({
      framework_id: framework.framework_id,
      version: framework.version,
      source_ids: chosen === "all" ? [] : [...chosen],
      title: text(form, "title"),
      max_tokens: number(form, "max_tokens"),
    }));
  };
  return (
    <form className="stack" onSubmit={submit}>
      <Field label="Framework" hint={framework === undefined ? undefined : aboutText(framework)}>
        {(field) => (
          <select {...field} className="in" value={at} onChange={(event) => setAt(Number(event.target.value))}>
            {frameworks.map((each, index) => (
              <option key={`${each.framework_id} ${each.version}`} value={index}>
                {visible(`${each.title} (${each.version})`)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <SourceChoice sources={sources} chosen={chosen} onChange={setChosen} />
      <Field label="Title" hint="Left empty: the framework's.">
        {(field) => <input {...field} name="title" className="in" maxLength={300} placeholder={framework === undefined ? "" : visible(framework.title)} />}
      </Field>
      <Field label="Most tokens of the chat model" hint="Left empty: as many as the controls take. What comes after the limit stays unknown.">
        {(field) => <input {...field} name="max_tokens" className="in" inputMode="numeric" placeholder="No limit" />}
      </Field>
      <WrongField error={error} />
      <div className="row end">
        <button type="button" className="btn quiet" onClick={onClose}>
          Close
        </button>
        <Button type="submit" className="btn pri" isOff={isPending || isNoneChosen || framework === undefined}>
          {isPending ? "Starting…" : "Make the report"}
        </Button>
      </div>
    </form>
  );
}

function aboutText({ control_count: controls, publisher }: FrameworkSummary): string {
  return `${counted(controls, "control")}${publisher === "" ? "" : `, by ${visible(publisher)}`}.`;
}

/** The same request has the same key: pressed again after a line that broke, it makes no second report. */
function useStart(onClose: () => void) {
  const { api } = useApp();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const sent = useRef({ request: "", key: "" });
  const { mutate, isPending, error } = useMutation({
    mutationFn: (read: () => ReportRequest) => {
      const request = read();
      const asked = JSON.stringify(request);
      if (sent.current.request !== asked) sent.current = { request: asked, key: newKey() };
      return startReport(api, request, sent.current.key);
    },
    onSuccess: async ({ report_id: reportId }) => {
      onClose();
      void queries.invalidateQueries({ queryKey: ["compliance"] });
      await navigate({ to: "/reports/$reportId", params: { reportId } });
    },
  });
  return { start: mutate, isPending, error };
}
