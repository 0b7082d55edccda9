// All that a crawl can be told, folded away: most crawls need none of it.

import { type ReactNode, useState } from "react";

import type { RenderMode } from "../../wire";
import type { WaitUntil } from "./crawlRequest";
import { Field } from "./fields";
import { CheckField, Group, LinesField, TextField } from "./optionFields";

export function CrawlOptions(): ReactNode {
  return (
    <details className="options">
      <summary>Options</summary>
      <div className="option-groups">
        <HowFar />
        <WhichPages />
        <Rendering />
        <Keeping />
        <TheTask />
      </div>
    </details>
  );
}

function HowFar(): ReactNode {
  return (
    <Group title="How far">
      <TextField name="max_pages" label="Most pages" initial="10000" isNumber />
      <TextField name="max_depth" label="Most links away from the start" initial="10" isNumber />
      <TextField name="max_minutes" label="Most minutes" hint="Empty: as long as it takes. What is stored by then stays." isNumber />
    </Group>
  );
}

function WhichPages(): ReactNode {
  return (
    <Group title="Which pages">
      <LinesField name="include" label="Only paths like" placeholder="/guide/**" hint="One pattern a line; none takes all below the start." />
      <LinesField name="exclude" label="But not paths like" placeholder="/guide/v1/**" hint="One pattern a line. Folders switched off in the preview are added." />
      <CheckField name="subdomains" label="Take the hosts below the start's host too" />
      <CheckField name="all_variants" label="Take every version and language, not just the one of the start" />
    </Group>
  );
}

const RENDERING: Readonly<Record<RenderMode, { readonly label: string; readonly hint: string }>> = {
  auto: { label: "when a page needs it", hint: "Pages that show no text without scripts are rendered; the others are fetched, which is many times faster." },
  http: { label: "never", hint: "Pages are read as they are sent; scripts are not run." },
  browser: { label: "for every page", hint: "Slow, and reads what scripts show." },
};

function Rendering(): ReactNode {
  const [render, setRender] = useState<RenderMode>("auto");
  return (
    <Group title="Rendering">
      <Field name="render" label="Render in the browser" hint={RENDERING[render].hint} isWide>
        {(props) => (
          <select {...props} className="in" value={render} onChange={(event) => setRender(event.target.value as RenderMode)}>
            {Object.entries(RENDERING).map(([value, { label }]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
      {render === "browser" ? <BrowserFields /> : null}
    </Group>
  );
}

const SHOWN: Readonly<Record<WaitUntil, string>> = {
  settled: "nothing changes any more",
  domcontentloaded: "its HTML is there",
  load: "its pictures and styles are there",
  networkidle: "it asks for nothing more",
};

function BrowserFields(): ReactNode {
  return (
    <>
      <TextField name="wait_for" label="Wait for" hint="CSS selector of what must be on the page." placeholder="main article" />
      <Field name="wait_until" label="A page is shown when">
        {(props) => (
          <select {...props} className="in">
            {Object.entries(SHOWN).map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
      <LinesField name="clicks" label="Click" hint="CSS selectors, one a line." placeholder="button.more" />
      <LinesField name="scripts" label="Run" hint="JavaScript, on each page." placeholder="document.querySelector('…')" />
      <TextField name="timeout_seconds" label="Most seconds for one page" initial="30" isNumber />
      <CheckField name="scroll" label="Scroll to the end, as long as more comes" />
    </>
  );
}

function Keeping(): ReactNode {
  return (
    <Group title="How it is kept">
      <TextField name="tags" label="Tags" hint="Separated by commas." placeholder="python, web" />
      <TextField name="knowledge_type" label="Kind" initial="documentation" suggestions={["documentation", "reference", "blog", "wiki"]} />
      <TextField name="refresh_every" label="Refresh every" hint="Like 24h, 7d or 2w. Empty: only when it is asked for." suggestions={["24h", "7d", "2w"]} />
      <CheckField name="without_code" label="Don't keep code blocks as examples of their own" />
    </Group>
  );
}

function TheTask(): ReactNode {
  return (
    <Group title="The task">
      <TextField name="priority" label="Priority" initial="50" hint="0 to 100; higher runs first." isNumber />
      <TextField name="webhook_url" label="Call when it has ended" placeholder="https://example.com/hook" hint="A webhook, signed." />
    </Group>
  );
}
