// The branches that are known as nodes of the tree.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import type { TreeNode } from "../../components/Tree";
import type { Branch } from "../../data/sources";
import { count, counted, pathOf } from "../../text/format";
import { belowFolder } from "../../text/sources";
import { visible } from "../../text/visible";
import type { PageSummary } from "../../wire";

const MORE = "more:";

/** The folder that has more pages, where the node is the one that shows them; else null. */
export function isMore(id: string): string | null {
  return id.startsWith(MORE) ? id.slice(MORE.length) : null;
}

/** Folders first, then pages; one that is not read yet is empty. */
export function nodesOf(sourceId: string, under: string, known: ReadonlyMap<string, Branch>): readonly TreeNode[] {
  const branch = known.get(under);
  if (branch === undefined) return [];
  return [
    ...branch.folders.map(({ path, pages, missing }) => ({
      id: path,
      label: <span className="mono">{visible(belowFolder(path, under))}</span>,
      aside: (
        <span className="muted sm num">
          {missing === 0 ? null : <span className="tag missing">{count(missing)} missing</span>} {counted(pages, "page")}
        </span>
      ),
      children: nodesOf(sourceId, path, known),
    })),
    ...branch.pages.map((page) => leafOf(sourceId, page)),
    ...(branch.hasMore ? [{ id: `${MORE}${under}`, label: <span className="link">Show more pages of this folder</span> }] : []),
  ];
}

function leafOf(sourceId: string, page: PageSummary): TreeNode {
  const name = visible(page.title === "" ? pathOf(page.url) : page.title);
  const label: ReactNode = (
    <span className="leaf">
      {/* Enter on the node opens it; the link is for the mouse, with all that a link can do. */}
      <Link
        tabIndex={-1}
        to="/sources/$sourceId/pages/$pageId"
        params={{ sourceId, pageId: page.page_id }}
        onClick={(event) => event.stopPropagation()}
      >
        {name}
      </Link>
      <span className="muted xs mono ell">{visible(fileOf(page.url))}</span>
    </span>
  );
  const aside = page.missing_since === null ? undefined : <span className="tag missing">missing</span>;
  return { id: page.page_id, label, aside };
}

/** The last part of its path, with what follows. */
function fileOf(url: string): string {
  const path = pathOf(url);
  const [file] = path.split(/[?#]/);
  const start = (file ?? "").lastIndexOf("/") + 1;
  return path.slice(start) === "" ? "./" : path.slice(start);
}
