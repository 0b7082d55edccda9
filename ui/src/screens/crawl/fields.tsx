// A field with its label, hint and what the server says is wrong with it; the one that is named gets the focus.

import { createContext, type ReactNode, type RefObject, use, useEffect, useId } from "react";

import { errorOf } from "../../components/Failure";
import { ApiError } from "../../data/api";
import { adviceFor } from "../../text/failure";
import { visible } from "../../text/visible";

interface Wrong {
  readonly name: string;
  readonly error: Error;
}

const WrongContext = createContext<Wrong | null>(null);

/** The name of the form's field that the error is about; null where it is about none. */
export function wrongField(error: Error | null): string | null {
  if (!(error instanceof ApiError)) return null;
  // The site can't be read: then the address is what to look at.
  if (error.status === 502) return "url";
  if (typeof error.details.field !== "string") return null;
  const [name = "", inner = "render"] = error.details.field.split(".");
  return name === "browser" ? inner : name;
}

/** Marks the field that the error names, opens what it is folded into, and moves the focus there. */
export function WrongFields({ form, error, children }: { form: RefObject<HTMLFormElement | null>; error: Error | null; children: ReactNode }): ReactNode {
  const name = wrongField(error);
  useEffect(() => {
    const field = name === null ? null : form.current?.elements.namedItem(name);
    if (!(field instanceof HTMLElement)) return;
    for (let fold = field.closest("details"); fold !== null; fold = fold.parentElement?.closest("details") ?? null) fold.open = true;
    field.focus();
  }, [form, name, error]);
  return <WrongContext value={name === null || error === null ? null : { name, error }}>{children}</WrongContext>;
}

interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly isHidden?: boolean;
  readonly isWide?: boolean;
  readonly hint?: string;
  readonly children: (props: FieldControl) => ReactNode;
}

export interface FieldControl {
  readonly id: string;
  readonly name: string;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": boolean;
}

export function Field({ name, label, isHidden = false, isWide = false, hint = "", children }: FieldProps): ReactNode {
  const id = useId();
  const wrong = use(WrongContext);
  const error = wrong?.name === name ? wrong.error : null;
  const isDescribed = hint !== "" || error !== null;
  return (
    <div className={isWide ? "field wide" : "field"}>
      <label htmlFor={id} className={isHidden ? "sr" : "b sm"}>
        {label}
      </label>
      {children({ id, name, "aria-describedby": isDescribed ? `${id}-hint` : undefined, "aria-invalid": error !== null })}
      <div id={`${id}-hint`}>
        {hint === "" ? null : <p className="muted xs">{hint}</p>}
        {error === null ? null : <FieldError error={error} />}
      </div>
    </div>
  );
}

function FieldError({ error }: { error: Error }): ReactNode {
  const { code, message, details } = errorOf(error);
  const text = typeof details.reason === "string" ? reasonText(details.reason) : message;
  return (
    <p className="inline-error" role="alert">
      <span>{visible(text)}</span> {code === "invalid_field" ? null : <span className="muted">{adviceFor(code).todo}</span>}
    </p>
  );
}

/** The server's reason as a sentence below its field. */
export function reasonText(reason: string): string {
  const known = reason.replace(/^(Input|String|List|Value|Tuple) should /, "It should ").replace(/^Value error, /, "");
  const sentence = /^(must|is|has|needs|names|carries|contains|does|can't|may|looks)\b/.test(known) ? `This ${known}` : known.charAt(0).toUpperCase() + known.slice(1);
  return sentence.endsWith(".") ? sentence : `${sentence}.`;
}
