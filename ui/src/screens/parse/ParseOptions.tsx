// All that a parse can be told, folded away: most need none of it.

import type { ReactNode } from "react";

import { Field } from "../crawl/fields";
import { CheckField, Group, LinesField, TextField } from "../crawl/optionFields";
import type { FormValues, ParseWait } from "./parseRequest";

interface Props {
  readonly initial: FormValues;
}

export function ParseOptions({ initial, isOpen }: Props & { isOpen: boolean }): ReactNode {
  return (
    <details className="options" open={isOpen}>
      <summary>Options</summary>
      <div className="option-groups">
        <When initial={initial} />
        <Guise initial={initial} />
        <Taken initial={initial} />
        <TheTask initial={initial} />
      </div>
    </details>
  );
}

const SHOWN: Readonly<Record<ParseWait, string>> = {
  settled: "nothing changes any more",
  domcontentloaded: "its HTML is there",
  load: "its pictures and styles are there",
  networkidle: "it asks for nothing more",
};

function When({ initial }: Props): ReactNode {
  return (
    <Group title="When it is looked at">
      <TextField name="wait_for" label="Wait for" initial={initial.wait_for} hint="CSS selector of what must be visible first." placeholder="main form" />
      <Field name="wait_until" label="The page is shown when">
        {(props) => (
          <select {...props} className="in" defaultValue={initial.wait_until}>
            {Object.entries(SHOWN).map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
      <TextField name="timeout_seconds" label="Most seconds for one attempt" initial={initial.timeout_seconds} isNumber />
    </Group>
  );
}

function Guise({ initial }: Props): ReactNode {
  return (
    <Group title="How it is visited">
      <TextField
        name="viewport"
        label="Window"
        initial={initial.viewport}
        placeholder="1280 × 720"
        hint="Width × height in pixels; “vary” takes a common size by chance."
        suggestions={["1280 × 720", "1920 × 1080", "390 × 844", "vary"]}
      />
      <TextField
        name="user_agent"
        label="User agent"
        initial={initial.user_agent}
        hint="Empty: gleanery’s own name. “vary”: as a common browser."
        suggestions={["vary"]}
      />
      <LinesField name="headers" label="Headers" initial={initial.headers} placeholder="Accept-Language: de" hint="One a line; sent to this host alone." />
      <LinesField name="cookies" label="Cookies" initial={initial.cookies} placeholder="session=…" hint="name=value; domain=…; path=…; secure, one a line. Nobody is shown the values." />
    </Group>
  );
}

function Taken({ initial }: Props): ReactNode {
  return (
    <Group title="What is taken">
      <CheckField name="screenshot" label="A screenshot" isOn={initial.screenshot} />
      <CheckField name="full_page" label="Of the whole page, not just of the window" isOn={initial.full_page} />
      <CheckField name="include_dom" label="The document’s tree, element by element" isOn={initial.include_dom} />
      <CheckField name="force_refresh" label="Load the page anew, also when it was parsed a short while ago" isOn={initial.force_refresh} />
    </Group>
  );
}

function TheTask({ initial }: Props): ReactNode {
  return (
    <Group title="The task">
      <TextField name="priority" label="Priority" initial={initial.priority} hint="0 to 100; higher runs first." isNumber />
      <TextField name="webhook_url" label="Call when it has ended" placeholder="https://example.com/hook" hint="A webhook, signed." />
    </Group>
  );
}
