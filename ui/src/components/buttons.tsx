// Buttons with a habit: one that can be off for a while, one that asks before it acts, one that copies.

import { type ComponentProps, type ReactNode, type Ref, useEffect, useRef, useState } from "react";

import { Icon, type IconName } from "./Icon";

const CONFIRM_MS = 5_000;
const COPIED_MS = 2_000;

interface ButtonProps extends Omit<ComponentProps<"button">, "type" | "disabled" | "aria-disabled"> {
  readonly type?: "button" | "submit";
  readonly isOff: boolean;
}

/** Does nothing while it is off, and keeps the focus, which "disabled" would take from it. Enter in a field of its form
 * presses it too, so an off one holds back the form. */
export function Button({ type = "button", isOff, onClick, ...rest }: ButtonProps): ReactNode {
  return (
    <button
      {...rest}
      type={type}
      aria-disabled={isOff}
      onClick={(event) => {
        if (isOff) event.preventDefault();
        else onClick?.(event);
      }}
    />
  );
}

interface ConfirmProps {
  readonly label: string;
  readonly confirmLabel: string;
  readonly pendingLabel: string;
  readonly isPending: boolean;
  readonly onConfirm: () => void;
  readonly icon: IconName;
  readonly isIconOnly?: boolean;
  readonly testId?: string;
  readonly ref?: Ref<HTMLButtonElement>;
}

/** Acts on the second click. The first arms it for some seconds; Esc and leaving it disarm it. */
export function ConfirmButton(props: ConfirmProps): ReactNode {
  const { label, confirmLabel, pendingLabel, isPending, onConfirm, icon, isIconOnly = false, testId, ref } = props;
  const [isArmed, setArmed] = useState(false);
  useEffect(() => {
    if (!isArmed) return;
    const timer = setTimeout(() => setArmed(false), CONFIRM_MS);
    return () => clearTimeout(timer);
  }, [isArmed]);
  const press = (): void => {
    if (isPending) return;
    setArmed(!isArmed);
    if (isArmed) onConfirm();
  };
  const text = isPending ? pendingLabel : isArmed ? confirmLabel : label;
  const isShort = isIconOnly && !isArmed && !isPending;
  return (
    <>
      <button
        ref={ref}
        type="button"
        className={isArmed ? "btn danger" : isShort ? "btn icon quiet" : "btn"}
        data-testid={testId}
        aria-disabled={isPending} // "disabled" would take the focus from it
        aria-label={isShort ? label : undefined}
        title={isShort ? label : undefined}
        onClick={press}
        onBlur={() => setArmed(false)}
        onKeyDown={(event) => {
          if (event.key === "Escape") setArmed(false);
        }}
      >
        <Icon name={icon} />
        {isShort ? null : text}
      </button>
      {/* Not every screen reader says that the name of a button has changed. */}
      <span className="sr" aria-live="polite">
        {isArmed ? `${confirmLabel.replace(/\?$/, "")}: press again, or Escape` : ""}
      </span>
    </>
  );
}

/** Takes what is shown away. */
export function DeleteButton({ isPending, onConfirm }: Pick<ConfirmProps, "isPending" | "onConfirm">): ReactNode {
  return (
    <ConfirmButton
      label="Delete"
      confirmLabel="Yes, delete it"
      pendingLabel="Deleting…"
      isPending={isPending}
      onConfirm={onConfirm}
      icon="cross"
      testId="delete"
    />
  );
}

/** Ends what is under way. */
export function StopButton({ isPending, onConfirm }: Pick<ConfirmProps, "isPending" | "onConfirm">): ReactNode {
  return (
    <ConfirmButton
      label="Cancel"
      confirmLabel="Yes, cancel it"
      pendingLabel="Cancelling…"
      isPending={isPending}
      onConfirm={onConfirm}
      icon="stop"
      testId="cancel"
    />
  );
}

/** Goes on with what failed or was cancelled. */
export function GoOnButton({ isPending, onClick }: { readonly isPending: boolean; readonly onClick: () => void }): ReactNode {
  return (
    <Button className="btn pri" isOff={isPending} onClick={onClick}>
      <Icon name="retry" />
      {isPending ? "Going on…" : "Go on with it"}
    </Button>
  );
}

interface CopyProps {
  readonly text: string;
  readonly label: string;
  readonly isQuiet?: boolean;
}

export function CopyButton({ text, label, isQuiet = false }: CopyProps): ReactNode {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current);
    },
    [],
  );
  const copy = async (): Promise<void> => {
    setState(await copied(text));
    timer.current = setTimeout(() => setState("idle"), COPIED_MS);
  };
  const outcome = state === "idle" ? "" : state === "copied" ? "Copied" : "Not allowed here";
  return (
    <>
      <button type="button" className={isQuiet ? "btn quiet small" : "btn small"} onClick={() => void copy()}>
        <Icon name={state === "copied" ? "check" : "copy"} />
        {outcome === "" ? label : outcome}
      </button>
      {/* Not in the button: its label would be read out wherever one comes up. */}
      <span className="sr" aria-live="polite">
        {outcome}
      </span>
    </>
  );
}

async function copied(text: string): Promise<"copied" | "failed"> {
  try {
    await navigator.clipboard.writeText(text);
    return "copied";
  } catch {
    return "failed";
  }
}
