// A labelled field with a hint below it, which screen readers hear after the label.

import { type ReactNode, useId } from "react";

export interface FieldProps {
  readonly id: string;
  readonly "aria-describedby"?: string;
}

interface Props {
  readonly label: string;
  readonly hint?: string | undefined;
  /** Whether the hint says what is wrong with it. */
  readonly isWrong?: boolean;
  /** The input; it takes these. */
  readonly children: (props: FieldProps) => ReactNode;
}

export function Field({ label, hint, isWrong = false, children }: Props): ReactNode {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id} className="b sm">
        {label}
      </label>
      {children(hint === undefined ? { id } : { id, "aria-describedby": `${id}-hint` })}
      {hint === undefined ? null : (
        <span id={`${id}-hint`} className={isWrong ? "inline-error" : "muted xs"} role={isWrong ? "status" : undefined}>
          {hint}
        </span>
      )}
    </div>
  );
}
