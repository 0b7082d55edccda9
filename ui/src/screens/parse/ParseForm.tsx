// The form that asks for a parse: an address, and options folded away.

import { type ReactNode, type SubmitEvent, useRef, useState } from "react";

import { InlineError } from "../../components/Failure";
import { Field, WrongFields, wrongField } from "../crawl/fields";
import { ParseOptions } from "./ParseOptions";
import { type FormValues, requestOf } from "./parseRequest";
import { useStartParse } from "./useStartParse";

interface Props {
  readonly initial: FormValues;
  /** Whether the options are unfolded. */
  readonly isOpen?: boolean;
  /** The values of headers and cookies are to be given again. */
  readonly wantsSecrets?: boolean;
}

export function ParseForm({ initial, isOpen = false, wantsSecrets = false }: Props): ReactNode {
  const form = useRef<HTMLFormElement>(null);
  const parse = useStartParse();
  const [unread, setUnread] = useState<Error | null>(null);
  const error = unread ?? parse.error;
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    try {
      parse.start(requestOf(new FormData(event.currentTarget)));
    } catch (problem) {
      setUnread(problem instanceof Error ? problem : null);
    }
  };
  const change = (): void => {
    setUnread(null);
    if (parse.error !== null) parse.reset();
  };
  return (
    <form ref={form} onSubmit={submit} onChange={change} className="parse-form" noValidate>
      <WrongFields form={form} error={error}>
        <div className="address">
          <Field name="url" label="Address" isHidden>
            {(props) => (
              <input
                {...props}
                className="in"
                data-testid="url-input"
                type="text"
                inputMode="url"
                autoComplete="url"
                autoCapitalize="none"
                spellCheck={false}
                required
                placeholder="https://example.com/login"
                defaultValue={initial.url}
              />
            )}
          </Field>
          <button type="submit" className="btn pri" data-testid="start-parse" aria-disabled={parse.isPending}>
            {parse.isPending ? "Starting…" : "Parse"}
          </button>
        </div>
        {wrongField(error) === null ? <InlineError error={error} /> : null}
        {wantsSecrets ? <p className="sm">The values of headers and cookies are kept secret: give them again, or remove the lines.</p> : null}
        <ParseOptions initial={initial} isOpen={isOpen} />
      </WrongFields>
    </form>
  );
}
