// The forms: what each is for, its fields and what sends it.

import type { ReactNode } from "react";

import { FORM_PURPOSES, percent } from "../../text/parses";
import { visible } from "../../text/visible";
import type { FieldMeaning, Form, FormMeaning, InteractiveElement, ParsedPage } from "../../wire";
import { Target } from "./ElementDetail";
import { ElementButton, PlaceButton } from "./PlaceButton";

export function FormsTab({ page }: { page: ParsedPage }): ReactNode {
  if (page.forms.length === 0) return <p className="card pad muted">There is no form on this page.</p>;
  const byId = new Map(page.elements.map((element) => [element.element_id, element]));
  return (
    <div className="stack">
      {page.forms.map((form) => (
        <FormCard
          key={form.form_id}
          form={form}
          meaning={page.meaning.forms.find((each) => each.form_id === form.form_id)}
          byId={byId}
          url={page.navigation.final_url}
        />
      ))}
    </div>
  );
}

interface Props {
  readonly form: Form;
  readonly meaning: FormMeaning | undefined;
  readonly byId: ReadonlyMap<string, InteractiveElement>;
  readonly url: string;
}

function FormCard({ form, meaning, byId, url }: Props): ReactNode {
  const { name, heading, form_id: id, action, method, is_implicit: isImplicit, box, field_ids: fields, submit_ids: submits } = form;
  const title = [name, heading].find((text) => text.trim() !== "") ?? id;
  return (
    <section className="card fold-card" aria-label={visible(title)} data-testid="form" data-purpose={meaning?.purpose}>
      <h2>
        <PlaceButton box={box}>{meaning === undefined ? visible(title) : FORM_PURPOSES[meaning.purpose]}</PlaceButton>
      </h2>
      <p className="muted sm form-about">
        {meaning === undefined ? null : `${percent(meaning.confidence)} sure · “${visible(title)}” · `}
        {isImplicit ? "fields that belong to no form" : visible(method.toUpperCase())}{" "}
        {action === null ? null : <Target href={action} base={url} />}
      </p>
      <ul className="facts-list">
        {fields.map((field) => (
          <FieldRow key={field} id={field} element={byId.get(field)} meaning={meaning?.fields.find((each) => each.element_id === field)} />
        ))}
        {submits.map((submit) => (
          <li key={submit}>
            <ElementButton id={submit}>{nameOf(submit, byId.get(submit))}</ElementButton>
            <span className="tag">{submit === meaning?.submit_id ? "sends it" : "button"}</span>
          </li>
        ))}
      </ul>
      <Reasons reasons={meaning?.reasons ?? []} />
    </section>
  );
}

function FieldRow({ id, element, meaning }: { id: string; element: InteractiveElement | undefined; meaning: FieldMeaning | undefined }): ReactNode {
  const isRequired = element?.is_required === true || meaning?.is_required === true;
  return (
    <li>
      <ElementButton id={id}>{meaning === undefined || meaning.label === "" ? nameOf(id, element) : visible(meaning.label)}</ElementButton>
      <span className="muted xs">{element === undefined ? "" : visible(element.role)}</span>
      {meaning === undefined ? null : <code className="xs">{visible(meaning.purpose)}</code>}
      {isRequired ? <span className="tag">required</span> : null}
    </li>
  );
}

function nameOf(id: string, element: InteractiveElement | undefined): string {
  const name = element?.name.trim() ?? "";
  return name === "" ? visible(element?.placeholder ?? id) : visible(name);
}

/** Why it is taken for what it is taken for. */
export function Reasons({ reasons }: { reasons: readonly string[] }): ReactNode {
  if (reasons.length === 0) return null;
  return (
    <details className="sm why-so">
      <summary className="muted">Why</summary>
      <ul>
        {reasons.map((reason) => (
          <li key={reason} className="wrap">
            {visible(reason)}
          </li>
        ))}
      </ul>
    </details>
  );
}
