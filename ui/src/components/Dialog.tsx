// A modal dialog: the browser's own, with its focus trap and Esc.

import { type ReactNode, useId, useLayoutEffect, useRef } from "react";

interface Props {
  readonly title: string;
  /** Null for a dialog that has to be answered. */
  readonly onClose: (() => void) | null;
  readonly children: ReactNode;
}

export function Dialog({ title, onClose, children }: Props): ReactNode {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // Closed before it leaves the page, so that the browser gives the focus back to where it was.
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      className="dialog"
      aria-labelledby={heading}
      onCancel={(event) => {
        // Closed with what is shown in one go: who presses a key right after Esc finds all of it gone, or all of it there.
        if (event.target !== event.currentTarget) return; // a file that was not chosen after all
        event.preventDefault();
        onClose?.();
      }}
      onClose={(event) => {
        if (onClose !== null) onClose();
        else if (event.currentTarget.isConnected) event.currentTarget.showModal(); // a second Esc closes it all the same
      }}
      onMouseDown={(event) => {
        if (event.target === event.currentTarget) onClose?.();
      }}
    >
      <div className="dialog-body">
        <h2 id={heading}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
