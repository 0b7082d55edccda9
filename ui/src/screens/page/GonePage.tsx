// A page that its source does not have any more: what is left of it are its versions.

import { Link, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Heading } from "../../components/Heading";
import { visible } from "../../text/visible";
import type { PageVersionShape } from "../../wire";
import { SourceCrumb } from "./PageHead";
import { Versions } from "./Versions";

interface Props {
  readonly sourceId: string;
  readonly pageId: string;
  readonly versions: readonly PageVersionShape[];
}

export function GonePage({ sourceId, pageId, versions }: Props): ReactNode {
  const { tab = "text", generation } = useSearch({ from: "/sources/$sourceId/pages/$pageId" });
  const title = visible(versions.find((version) => version.title !== "")?.title ?? "Page");
  const isOther = tab === "text" && generation !== undefined;
  return (
    <>
      <header className="page-head">
        <SourceCrumb sourceId={sourceId} />
        <div className="head">
          <Heading title={title}>{title}</Heading>
        </div>
      </header>
      <section className="card pad stack" aria-label="What happened">
        <h2>{isOther ? `Generation ${generation} does not have this page` : "This page is gone"}</h2>
        <p>
          {isOther
            ? "It was not part of the source then, or that generation is not kept any more."
            : "A refresh found that its site does not have it any more, so search does not find it either. Its versions can still be read as long as their generations are kept."}
        </p>
        {isOther ? (
          <p>
            <Link to="." search={{}}>
              Show what is seen now
            </Link>
          </p>
        ) : null}
      </section>
      <Versions sourceId={sourceId} pageId={pageId} />
    </>
  );
}
