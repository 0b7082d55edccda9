// The fields that the filters are made of.

import { type ReactNode, type SubmitEvent, useId, useState } from "react";

import { count } from "../../text/format";
import { visible } from "../../text/visible";
import type { FacetShape } from "../../wire";

interface ChoiceProps {
  readonly name: string;
  readonly label: string;
  readonly isOn: boolean;
  readonly onChoose: () => void;
  readonly testId?: string;
}

export function Choice({ name, label, isOn, onChoose, testId }: ChoiceProps): ReactNode {
  return (
    <label className="chk">
      <input type="radio" name={name} checked={isOn} onChange={onChoose} data-testid={testId} />
      {label}
    </label>
  );
}

export interface Option {
  readonly value: string;
  readonly label: string;
  readonly count: number;
}

interface CheckListProps {
  readonly legend: string;
  /** What is counted. */
  readonly what: string;
  readonly options: readonly Option[];
  readonly chosen: readonly string[];
  readonly onChoose: (values: readonly string[]) => void;
}

const AT_FIRST = 6;

/** The options with the most, and those that are chosen; the others when asked for. */
export function CheckList({ legend, what, options, chosen, onChoose }: CheckListProps): ReactNode {
  const [isLong, setLong] = useState(false);
  const gone = chosen.filter((value) => !options.some((option) => option.value === value));
  const all = [...gone.map((value): Option => ({ value, label: value, count: 0 })), ...options];
  if (all.length < 2 && chosen.length === 0) return null;
  const shown = isLong ? all : all.filter((option, index) => index < AT_FIRST || chosen.includes(option.value));
  const toggle = (value: string, isOn: boolean): void => onChoose(isOn ? [...chosen, value] : chosen.filter((some) => some !== value));
  return (
    <fieldset>
      <legend>{legend}</legend>
      <div className="checks">
        {shown.map(({ value, label, count: number }) => (
          <label key={value} className="chk">
            <input type="checkbox" checked={chosen.includes(value)} onChange={(event) => toggle(value, event.target.checked)} />
            <span className="ell" title={visible(label)}>
              {visible(label)}
            </span>
            <span className="muted num xs">
              {count(number)}
              <span className="sr"> {what}</span>
            </span>
          </label>
        ))}
      </div>
      {all.length <= AT_FIRST ? null : (
        <button type="button" className="link sm" aria-expanded={isLong} onClick={() => setLong(!isLong)}>
          {isLong ? "Fewer" : `All ${count(all.length)}`}
        </button>
      )}
    </fieldset>
  );
}

interface PickProps {
  readonly label: string;
  readonly values: readonly FacetShape[];
  readonly chosen: string | undefined;
  readonly onChoose: (value: string | undefined) => void;
}

/** One of several values, or any. */
export function Pick({ label, values, chosen, onChoose }: PickProps): ReactNode {
  const id = useId();
  const isKnown = chosen === undefined || values.some(({ value }) => value === chosen);
  if (values.length < 2 && chosen === undefined) return null;
  return (
    <div className="field">
      <label htmlFor={id} className="b sm">
        {label}
      </label>
      <select id={id} className="in small" value={chosen ?? ""} onChange={(event) => onChoose(event.target.value === "" ? undefined : event.target.value)}>
        <option value="">any</option>
        {isKnown ? null : <option value={chosen}>{visible(chosen)}</option>}
        {values.map(({ value, count: number }) => (
          <option key={value} value={value}>
            {visible(value)} ({count(number)})
          </option>
        ))}
      </select>
    </div>
  );
}

export function PathField({ path, onChoose }: { path: string; onChoose: (path: string | undefined) => void }): ReactNode {
  const id = useId();
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const value = new FormData(event.currentTarget).get("path");
    const asked = typeof value === "string" ? value.trim() : "";
    if (asked !== path) onChoose(asked === "" ? undefined : asked);
  };
  return (
    <form className="field" onSubmit={submit}>
      <label htmlFor={id} className="b sm">
        Path begins with
      </label>
      <input
        id={id}
        name="path"
        className="in small mono"
        defaultValue={path}
        placeholder="/library/"
        maxLength={512}
        autoComplete="off"
        spellCheck={false}
        onBlur={(event) => event.target.form?.requestSubmit()}
      />
    </form>
  );
}
