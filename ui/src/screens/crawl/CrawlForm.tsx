// The form that starts a crawl: an address, what it would take on request, and options folded away. Used by the first run
// and by the dialog. The preview asks the site, so it comes when it is asked for and not while somebody types.

import { type ChangeEvent, type ReactNode, type SubmitEvent, useMemo, useRef, useState } from "react";

import { Button } from "../../components/buttons";
import { InlineError } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import type { CrawlStart } from "../../wire";
import "./crawl.css";
import { CrawlOptions } from "./CrawlOptions";
import { CrawlPreview } from "./CrawlPreview";
import { requestOf, withScheme } from "./crawlRequest";
import { Field, WrongFields, wrongField } from "./fields";
import { KnownSource } from "./KnownSource";
import { type Off, patternsOf, scopeOf } from "./scope";
import { usePreview } from "./usePreview";
import { useStartCrawl } from "./useStartCrawl";

export { useStartCrawl };

const NOTHING_OFF: Off = new Set();
/** What decides which pages are taken. */
const SCOPE_FIELDS = ["max_pages", "max_depth", "include", "exclude", "subdomains", "all_variants"];

interface Props {
  readonly onStarted?: () => void;
  readonly isLarge?: boolean;
}

export function CrawlForm({ onStarted, isLarge = false }: Props): ReactNode {
  const form = useRef<HTMLFormElement>(null);
  const crawl = useStartCrawl(onStarted);
  const preview = usePreview();
  const [off, setOff] = useState(NOTHING_OFF);
  const [url, setUrl] = useState("");
  const [unread, setUnread] = useState<Error | null>(null);
  const error = unread ?? crawl.error ?? preview.error;
  const scope = useMemo(() => (preview.found === undefined ? null : scopeOf(preview.found.scope)), [preview.found]);

  const read = (switchedOff: readonly string[], act: (request: CrawlStart) => void): void => {
    if (form.current === null) return;
    try {
      act(requestOf(new FormData(form.current), switchedOff));
    } catch (problem) {
      setUnread(problem instanceof Error ? problem : null);
    }
  };
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    read(scope === null ? [] : patternsOf(scope, off), crawl.start);
  };
  const look = (): void => {
    crawl.reset();
    read([], preview.look);
  };
  const change = ({ target }: ChangeEvent<HTMLFormElement>): void => {
    setUnread(null);
    if (crawl.error !== null) crawl.reset();
    const name: unknown = target.name;
    if (name === "url") {
      preview.stop();
      setOff(NOTHING_OFF);
    } else if (preview.error !== null || SCOPE_FIELDS.some((field) => field === name)) preview.onOptionsChange();
  };
  return (
    <form ref={form} onSubmit={submit} onChange={change} className="crawl-form" noValidate>
      <WrongFields form={form} error={error}>
        <Address isLarge={isLarge} isStarting={crawl.isPending} onType={setUrl} />
        <KnownSource url={withScheme(url.trim())} isStarting={crawl.isPending} onRefresh={crawl.refresh} />
        {wrongField(error) === null ? <InlineError error={error} /> : null}
        <PreviewButton isPending={preview.isPending} onLook={look} onStop={preview.stop} />
        {preview.found === undefined || scope === null ? null : (
          <CrawlPreview
            found={preview.found}
            scope={scope}
            off={off}
            onSwitch={setOff}
            isStale={preview.isStale}
            onLookAgain={look}
            isStarting={crawl.isPending}
          />
        )}
        <CrawlOptions />
      </WrongFields>
    </form>
  );
}

interface AddressProps {
  readonly isLarge: boolean;
  readonly isStarting: boolean;
  readonly onType: (url: string) => void;
}

function Address({ isLarge, isStarting, onType }: AddressProps): ReactNode {
  return (
    <div className={isLarge ? "address large" : "address"}>
      <Field name="url" label="Address" isHidden={isLarge}>
        {(props) => (
          <input
            {...props}
            className={isLarge ? "in large" : "in"}
            data-testid="url-input"
            type="text"
            inputMode="url"
            autoComplete="url"
            autoCapitalize="none"
            spellCheck={false}
            autoFocus
            required
            placeholder="https://docs.example.com/"
            onChange={(event) => onType(event.target.value)}
          />
        )}
      </Field>
      <Button type="submit" className={isLarge ? "btn pri large" : "btn pri"} data-testid="start-crawl" isOff={isStarting}>
        {isStarting ? "Starting…" : "Crawl"}
      </Button>
    </div>
  );
}

interface PreviewButtonProps {
  readonly isPending: boolean;
  readonly onLook: () => void;
  readonly onStop: () => void;
}

/** One button that looks and stops, so that the focus has where to stay. */
function PreviewButton({ isPending, onLook, onStop }: PreviewButtonProps): ReactNode {
  return (
    <div className="row">
      <button type="button" className="btn small" data-testid="preview" onClick={isPending ? onStop : onLook}>
        {isPending ? <Icon name="stop" /> : <Icon name="search" />}
        {isPending ? "Stop" : "Preview"}
      </button>
      <span className="muted sm" role="status">
        {isPending ? "Looking at the site. This takes some seconds…" : ""}
      </span>
      {isPending ? null : <span className="muted sm">shows what would be taken and what it costs, before anything is</span>}
    </div>
  );
}
