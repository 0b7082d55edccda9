// The field. What is typed is searched for when the fingers rest, and at once with Enter.

import { type CompositionEvent, type KeyboardEvent, type ReactNode, type RefObject, type SubmitEvent, useEffect, useRef, useState } from "react";

import { useShortcut } from "../../components/shortcuts";
import { useChange, useParamsOf } from "./change";
import { rememberSearch } from "./recent";

const TYPING_MS = 150;

interface Props {
  readonly field: RefObject<HTMLInputElement | null>;
  /** ↓ in the field. */
  readonly onDown: () => void;
}

export function SearchBox({ field, onDown }: Props): ReactNode {
  const { hit } = useParamsOf();
  const { text, type, submit } = useTyping();
  const [takesFocus] = useState(hit === undefined); // else the hit takes it
  const focus = (): void => field.current?.select();
  useShortcut("/", "Search", focus);
  useShortcut("Escape", "Back to the search field", focus);
  const press = (event: KeyboardEvent): void => {
    if (event.key !== "ArrowDown" || event.nativeEvent.isComposing) return;
    event.preventDefault();
    onDown();
  };
  return (
    <form className="row search-box" role="search" onSubmit={submit}>
      <input
        ref={field}
        className="in large"
        type="search"
        aria-label="Search"
        aria-keyshortcuts="/"
        placeholder="Ask or type words, names, errors"
        data-testid="search-input"
        autoComplete="off"
        autoCorrect="off"
        spellCheck={false}
        autoFocus={takesFocus}
        maxLength={2000}
        value={text}
        onChange={(event) => type(event.target.value, event.nativeEvent)}
        onCompositionEnd={(event: CompositionEvent<HTMLInputElement>) => type(event.currentTarget.value, null)}
        onKeyDown={press}
      />
      <button type="submit" className="btn pri large">
        Search
      </button>
    </form>
  );
}

interface Typing {
  readonly text: string;
  readonly type: (value: string, event: Event | null) => void;
  readonly submit: (event: SubmitEvent<HTMLFormElement>) => void;
}

/** The text of the field, and the query in the URL after it. */
function useTyping(): Typing {
  const { q = "" } = useParamsOf();
  const change = useChange();
  const [text, setText] = useState(q);
  const [pushed, setPushed] = useState(q);
  const [seen, setSeen] = useState(q);
  if (q !== seen) {
    setSeen(q);
    if (q !== pushed) setText(q); // the URL was changed by something else: back, a link, a button
    setPushed(q);
  }
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const stop = (): void => {
    if (timer.current !== null) clearTimeout(timer.current);
  };
  useEffect(() => stop, []);
  const push = (value: string): void => {
    if (value === q) return;
    setPushed(value);
    change({ q: value === "" ? undefined : value, typos: undefined }, { replace: true });
  };
  const type = (value: string, event: Event | null): void => {
    setText(value);
    stop();
    if (event instanceof InputEvent && event.isComposing) return; // half of a character
    timer.current = setTimeout(() => push(value.trim()), TYPING_MS);
  };
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    stop();
    push(text.trim());
    rememberSearch(text.trim());
  };
  return { text, type, submit };
}
