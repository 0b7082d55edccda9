// Links of a page: within it and to other stored pages they stay in the UI, all others lead out.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useCallback } from "react";

import { useApp } from "../../components/app";
import { HashLink } from "../../components/HashLink";
import { linksQuery } from "../../data/pages";
import type { PageLink } from "../../components/Markdown";
import { anchorHash } from "../../text/pageHash";
import { targetOf } from "../../text/pageLinks";
import type { PageShape } from "../../wire";

const NO_PAGES: ReadonlyMap<string, string> = new Map();

export function useLinks(page: PageShape): (link: PageLink) => ReactNode {
  const { api } = useApp();
  const pages = useQuery(linksQuery(api, page)).data ?? NO_PAGES;
  const { source_id: sourceId, url: ownUrl } = page;
  return useCallback(
    (link: PageLink) => {
      const { url, fragment } = targetOf(link.href);
      const isOwn = url === targetOf(ownUrl).url && fragment !== "";
      if (isOwn) {
        return (
          <HashLink hash={anchorHash(fragment)} className={link.className} id={link.id}>
            {link.children}
          </HashLink>
        );
      }
      const pageId = pages.get(url);
      return pageId === undefined ? (
        <a href={link.href} className={link.className} target="_blank" rel="noreferrer noopener nofollow ugc">
          {link.children}
          <span className="sr"> (opens the site)</span>
        </a>
      ) : (
        <Link
          to="/sources/$sourceId/pages/$pageId"
          params={{ sourceId, pageId }}
          {...(fragment === "" ? {} : { hash: anchorHash(fragment) })}
          className={link.className}
          data-stored
        >
          {link.children}
        </Link>
      );
    },
    [pages, sourceId, ownUrl],
  );
}
