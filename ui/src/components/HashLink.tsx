// A link to a place on the page that is shown. The router's own calls every such link "current", as the page is the same.

import { useNavigate } from "@tanstack/react-router";
import type { MouseEvent, ReactNode } from "react";

interface Props {
  readonly hash: string;
  readonly children: ReactNode;
  readonly className?: string | undefined;
  readonly id?: string | undefined;
  readonly isCurrent?: boolean;
  readonly onGo?: () => void;
}

export function HashLink({ hash, children, className, id, isCurrent = false, onGo }: Props): ReactNode {
  const navigate = useNavigate();
  const go = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    void navigate({ to: ".", search: true, hash, resetScroll: false, hashScrollIntoView: false });
    onGo?.();
  };
  return (
    <a href={`#${encodeURI(hash)}`} className={className} id={id} aria-current={isCurrent ? "true" : undefined} onClick={go}>
      {children}
    </a>
  );
}
