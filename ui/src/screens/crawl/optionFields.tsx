// The kinds of fields that options are made of, in named groups.

import type { ReactNode } from "react";

import { Field } from "./fields";

interface TextProps {
  readonly name: string;
  readonly label: string;
  readonly initial?: string;
  readonly placeholder?: string;
  readonly hint?: string;
  readonly isNumber?: boolean;
  readonly suggestions?: readonly string[];
}

/** Numbers are text fields too, so that what is no number is said rather than dropped. */
export function TextField({ name, label, initial = "", placeholder, hint = "", isNumber = false, suggestions }: TextProps): ReactNode {
  return (
    <Field name={name} label={label} hint={hint}>
      {(props) => (
        <>
          <input
            {...props}
            className="in"
            type="text"
            inputMode={isNumber ? "decimal" : "text"}
            defaultValue={initial}
            placeholder={placeholder}
            spellCheck={false}
            autoComplete="off"
            list={suggestions === undefined ? undefined : `${props.id}-list`}
          />
          {suggestions === undefined ? null : (
            <datalist id={`${props.id}-list`}>
              {suggestions.map((some) => (
                <option key={some} value={some} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}

interface LinesProps {
  readonly name: string;
  readonly label: string;
  readonly initial?: string;
  readonly placeholder: string;
  readonly hint: string;
}

export function LinesField({ name, label, initial = "", placeholder, hint }: LinesProps): ReactNode {
  return (
    <Field name={name} label={label} hint={hint}>
      {(props) => <textarea {...props} className="in mono" rows={2} defaultValue={initial} placeholder={placeholder} spellCheck={false} />}
    </Field>
  );
}

export function CheckField({ name, label, isOn = false }: { name: string; label: string; isOn?: boolean }): ReactNode {
  return (
    <label className="chk sm wide">
      <input type="checkbox" name={name} defaultChecked={isOn} /> {label}
    </label>
  );
}

export function Group({ title, children }: { title: string; children: ReactNode }): ReactNode {
  return (
    <fieldset>
      <legend>{title}</legend>
      <div className="fields">{children}</div>
    </fieldset>
  );
}
