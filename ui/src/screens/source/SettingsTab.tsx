// What a source is called and found by, when it is refreshed, what its crawl was asked for, and the ways out of here.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SubmitEvent, useId, useState } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { Download } from "../../components/Download";
import { FactList } from "../../components/FactList";
import { InlineError } from "../../components/Failure";
import { changeSource } from "../../data/sources";
import { canRefresh, tagsOf } from "../../text/sources";
import type { SourceShape } from "../../wire";
import { DeleteDialog } from "./DeleteDialog";
import { ScheduleForm } from "./ScheduleForm";

export function SettingsTab({ source }: { source: SourceShape }): ReactNode {
  const [isDeleting, setDeleting] = useState(false);
  return (
    <div className="tab-body source-settings">
      <div className="column">
        <Section title="Name and tags">
          <NameForm source={source} />
        </Section>
        <Section title="What its crawl was asked for">
          <FactList facts={{ url: source.url, ...source.options }} />
        </Section>
      </div>
      <div className="column">
        <Section title="Refresh schedule">
          {canRefresh(source) ? (
            <ScheduleForm source={source} />
          ) : (
            <p className="muted sm">An uploaded file can't be fetched again: upload it anew.</p>
          )}
        </Section>
        <Ways source={source} onDelete={() => setDeleting(true)} />
      </div>
      {isDeleting ? <DeleteDialog source={source} onClose={() => setDeleting(false)} /> : null}
    </div>
  );
}

function Ways({ source: { source_id: sourceId }, onDelete }: { source: SourceShape; onDelete: () => void }): ReactNode {
  return (
    <>
      <Section title="Take it elsewhere">
        <p className="muted sm">
          The export holds all pages, chunks, code examples and vectors, for Import of another gleanery. The texts are for language
          models.
        </p>
        <div className="row">
          <Download path={`/sources/${sourceId}/export`} fileName={`${sourceId}.gleanery.zip`} label="Export" />
          <Download path={`/sources/${sourceId}/llms.txt`} fileName="llms.txt" label="llms.txt" />
          <Download path={`/sources/${sourceId}/llms-full.txt`} fileName="llms-full.txt" label="llms-full.txt" />
        </div>
      </Section>
      <Section title="Delete">
        <p className="sm">With its pages go its older generations, vectors, saved queries and schedule.</p>
        <div className="row">
          <button type="button" className="btn danger-quiet" onClick={onDelete}>
            Delete this source…
          </button>
        </div>
      </Section>
    </>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }): ReactNode {
  const id = useId();
  return (
    <section className="card pad stack" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}

function NameForm({ source }: { source: SourceShape }): ReactNode {
  const { api } = useApp();
  const queries = useQueryClient();
  const { mutate, isPending, isSuccess, error } = useMutation({
    mutationFn: (form: FormData) => {
      const text = (name: string): string => {
        const value = form.get(name);
        return typeof value === "string" ? value.trim() : "";
      };
      const [title, description] = [text("title"), text("description")];
      return changeSource(api, source.source_id, {
        // What is left as it was stays its first page's, or a chat model's.
        ...(title === source.title ? {} : { title }),
        ...(description === source.description ? {} : { description }),
        tags: tagsOf(text("tags")),
        knowledge_type: text("kind"),
      });
    },
    onSuccess: async (changed) => {
      queries.setQueryData(["source", source.source_id], changed);
      await queries.invalidateQueries({ queryKey: ["sources"] });
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    mutate(new FormData(event.currentTarget));
  };
  return (
    <form onSubmit={submit} className="stack">
      <div className="pair">
        <Field label="Title" name="title" value={source.title} placeholder="as its first page is called" />
        <Field label="Kind" name="kind" value={source.knowledge_type} isRequired />
      </div>
      <Field label="Tags, with commas between them" name="tags" value={source.tags.join(", ")} />
      <Field label="Description" name="description" value={source.description} />
      <InlineError error={error} />
      <div className="row">
        <Button type="submit" className="btn pri" isOff={isPending}>
          {isPending ? "Saving…" : "Save"}
        </Button>
        <span className="muted sm" role="status">
          {isSuccess ? "Saved." : ""}
        </span>
      </div>
    </form>
  );
}

interface FieldProps {
  readonly label: string;
  readonly name: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly isRequired?: boolean;
}

function Field({ label, name, value, placeholder, isRequired = false }: FieldProps): ReactNode {
  return (
    <label className="field sm">
      {label}
      <input className="in" name={name} defaultValue={value} placeholder={placeholder} required={isRequired} autoComplete="off" />
    </label>
  );
}
