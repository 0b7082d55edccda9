// Says that the text is not what is seen now.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import type { PageShape } from "../../wire";
import { dateAndTime } from "../../text/format";

export function OldVersionNote({ generation, page }: { generation: number; page: PageShape }): ReactNode {
  return (
    <div className="banner old-version" role="note">
      <p>
        <b>This is the page as generation {generation} had it</b>, last fetched {dateAndTime(page.fetched_at)}. Search does not
        find this version.
      </p>
      <p className="row">
        <Link to="." search={{}}>
          Show what is seen now
        </Link>
        <Link to="." search={{ tab: "versions" }}>
          All versions
        </Link>
      </p>
    </div>
  );
}
