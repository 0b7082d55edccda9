// All that is known of one element, and how it is found again.

import { Link } from "@tanstack/react-router";
import { Fragment, type ReactNode } from "react";

import { CopyButton } from "../../components/buttons";
import { Icon } from "../../components/Icon";
import { count } from "../../text/format";
import { numberOf } from "../../text/overlay";
import { playwrightOf } from "../../text/locators";
import { safeHref, visible } from "../../text/visible";
import type { InteractiveElement, Locator, ParsedPage } from "../../wire";

interface Props {
  readonly element: InteractiveElement;
  readonly page: ParsedPage;
  readonly onClose: () => void;
}

export function ElementDetail({ element, page, onClose }: Props): ReactNode {
  const { role, name, locator } = element;
  return (
    <section className="element-detail" aria-label="The chosen element" data-testid="element-detail">
      <div className="row top">
        <h3 className="wrap">
          {numberOf(element)} · {visible(role)} {name === "" ? null : `“${visible(name)}”`}
        </h3>
        <span className="sp" />
        <button type="button" className="btn icon quiet" aria-label="Choose none" title="Choose none" onClick={onClose}>
          <Icon name="cross" />
        </button>
      </div>
      <LocatorText locator={locator} />
      <p className="muted sm num">
        {standing(element)}
        {isBelow(element, page) ? " · below the screenshot" : ""}
      </p>
      <dl>
        {factsOf(element, page).map(([label, value]) => (
          <Fragment key={label}>
            <dt className="muted sm">{label}</dt>
            <dd className="sm wrap">{value}</dd>
          </Fragment>
        ))}
      </dl>
      <Options element={element} />
    </section>
  );
}

const BY: Readonly<Record<Locator["by"], string>> = {
  id: "by its id",
  test_id: "by its test id",
  name: "by its name",
  label: "by its label",
  attribute: "by an attribute",
  path: "by its place in the document",
};

const EVIDENCE: Readonly<Record<InteractiveElement["evidence"], string>> = {
  control: "it is a control",
  role: "its role",
  editable: "it can be written in",
  onclick: "its onclick attribute",
  focus: "it can have the focus",
  listener: "a script listens there for clicks and the like",
  pointer: "the mouse shows a hand there, and nothing else does",
};

function LocatorText({ locator }: { locator: Locator }): ReactNode {
  return (
    <div className="locator">
      <code className="mono wrap" data-testid="locator">
        {visible([...locator.frames, locator.selector].join(" → "))}
      </code>
      <span className="muted xs">{BY[locator.by]}</span>
      <div className="row">
        <CopyButton text={locator.selector} label="Copy selector" />
        <CopyButton text={playwrightOf(locator)} label="As Playwright" />
      </div>
    </div>
  );
}

/** "x 320, y 350, 360 × 52 · enabled · in view". */
function standing({ box, shown_box: shown, is_visible: isVisible, is_enabled: isEnabled, is_in_viewport: isInView }: InteractiveElement): string {
  const px = (value: number): string => count(Math.round(value));
  const place = box === null ? "no place on the page" : `x ${px(box.x)}, y ${px(box.y)}, ${px(box.width)} × ${px(box.height)}`;
  const seen = isVisible ? (shown?.width === 0 ? "scrolled out of what holds it" : isInView ? "in view" : "in view when scrolled to") : "not visible";
  return [place, isEnabled ? "enabled" : "disabled", seen].join(" · ");
}

/** Whether the screenshot ends above it. */
function isBelow({ box }: InteractiveElement, { screenshot }: ParsedPage): boolean {
  return box !== null && screenshot !== null && box.y >= screenshot.height;
}

type Fact = readonly [label: string, value: ReactNode];

function factsOf(element: InteractiveElement, page: ParsedPage): readonly Fact[] {
  const { description, tag, input_type: type, value, placeholder, href, states, is_required: isRequired, form_id: formId, landmark_id: landmarkId } = element;
  const { html_id: htmlId, field_name: fieldName, autocomplete, rel } = element;
  const form = page.forms.find((each) => each.form_id === formId);
  const landmark = page.dom.landmarks.find((each) => each.landmark_id === landmarkId);
  const facts: readonly (Fact | null)[] = [
    description === "" ? null : ["Description", visible(description)],
    ["Element", <code key="tag">{visible(type === null ? `<${tag}>` : `<${tag} type="${type}">`)}</code>],
    // What is plainly a control needs no proof.
    element.evidence === "control" ? null : ["Can be acted on", EVIDENCE[element.evidence]],
    value === null ? null : ["Value", value === "" ? <span className="muted">empty</span> : visible(value)],
    placeholder === null ? null : ["Placeholder", visible(placeholder)],
    href === null ? null : ["Leads to", <Target key="target" href={href} base={page.navigation.final_url} />],
    Object.keys(states).length === 0 ? null : ["States", visible(Object.entries(states).map(stateText).join(", "))],
    isRequired ? ["Required", "yes"] : null,
    htmlId === null ? null : ["Id", visible(htmlId)],
    fieldName === null ? null : ["Field name", visible(fieldName)],
    autocomplete === null ? null : ["Autofill", visible(autocomplete)],
    rel === null ? null : ["Relation", visible(rel)],
    form === undefined ? null : ["Form", <FormLink key="form" name={form.name === "" ? form.heading || form.form_id : form.name} />],
    landmark === undefined ? null : ["Within", visible([landmark.role, landmark.name].filter((text) => text !== "").join(" "))],
    element.frame_id === "f0" ? null : ["Frame", visible(page.dom.frames.find((frame) => frame.frame_id === element.frame_id)?.url ?? element.frame_id)],
  ];
  return facts.filter((fact) => fact !== null);
}

function stateText([name, value]: readonly [string, boolean | "mixed"]): string {
  return value === true ? name : value === "mixed" ? `${name}: in part` : `not ${name}`;
}

function FormLink({ name }: { name: string }): ReactNode {
  return (
    <Link from="/parse/$taskId" search={(given) => ({ ...given, tab: "forms" })} replace resetScroll={false}>
      {visible(name)}
    </Link>
  );
}

/** Where a link of the page leads. */
export function Target({ href, base, label = href }: { href: string; base: string; label?: string }): ReactNode {
  const safe = safeHref(href, base);
  if (safe === null) return <span className="mono">{visible(label)}</span>;
  return (
    <a href={safe} target="_blank" rel="noreferrer noopener nofollow ugc" className="wrap">
      {visible(label)}
    </a>
  );
}

function Options({ element: { options, option_count: all } }: { element: InteractiveElement }): ReactNode {
  if (options.length === 0) return null;
  return (
    <details className="sm" open={options.length <= 12}>
      <summary>
        Options <span className="muted num">{count(all)}</span>
      </summary>
      <ul className="option-list">
        {options.map(({ label, value, is_selected: isSelected, is_enabled: isEnabled }, index) => (
          <li key={index}>
            {isSelected ? <Icon name="check" className="picked" /> : null}
            <span className="wrap">{visible(label)}</span>
            {value === label ? null : <code className="muted xs wrap">{visible(value)}</code>}
            {isSelected ? <span className="tag">chosen</span> : null}
            {isEnabled ? null : <span className="tag">disabled</span>}
          </li>
        ))}
      </ul>
      {all > options.length ? <p className="muted xs">and {count(all - options.length)} more</p> : null}
    </details>
  );
}
