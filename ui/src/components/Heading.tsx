// The page's heading: names the document and takes the focus when the page changes.

import { type ReactNode, useEffect, useRef } from "react";

interface Props {
  /** The document's title; also the key of "another page". */
  readonly title: string;
  readonly children: ReactNode;
  readonly className?: string;
  /** False where a field of the page takes the focus. */
  readonly takesFocus?: boolean;
}

export function Heading({ title, children, className, takesFocus = true }: Props): ReactNode {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · gleanery`;
  }, [title]);
  useEffect(() => {
    if (takesFocus) ref.current?.focus({ preventScroll: true });
  }, [takesFocus]);
  return (
    <h1 ref={ref} tabIndex={-1} className={className}>
      {children}
    </h1>
  );
}
