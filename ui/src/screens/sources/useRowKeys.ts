// j and k go through the rows of a list; Enter then follows the row's link, as links do.

import { type RefObject, useRef } from "react";

import { useShortcut } from "../../components/shortcuts";

const ROW_LINK = "a[data-row]";

export function useRowKeys<List extends HTMLElement>(): RefObject<List | null> {
  const list = useRef<List>(null);
  const go = (step: 1 | -1): void => {
    const links = [...(list.current?.querySelectorAll<HTMLElement>(ROW_LINK) ?? [])];
    const row = document.activeElement?.closest("li");
    const at = links.findIndex((link) => row?.contains(link) === true);
    const next = at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + step));
    links[next]?.focus();
    links[next]?.scrollIntoView({ block: "nearest" });
  };
  useShortcut("j", "Next row", () => go(1));
  useShortcut("k", "Row before", () => go(-1));
  useShortcut("r", "Refresh the source of the row", () => {
    document.activeElement?.closest("li")?.querySelector<HTMLElement>("[data-refresh]")?.click();
  });
  return list;
}
