// `/sources/:id/pages/:pid#chunk`: the stored page, rendered, scrolled to the passage that is cited; its code examples, its
// versions with what differs, and where it came from.

import "./page.css";

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { errorOf, Failure, Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { type Tab, Tabs } from "../../components/Tabs";
import { ApiError } from "../../data/api";
import { pageQuery, versionsQuery } from "../../data/pages";
import type { PageShape } from "../../wire";
import { About } from "./About";
import { CodeExamples } from "./CodeExamples";
import { GonePage } from "./GonePage";
import { OldVersionNote } from "./OldVersionNote";
import { PageHead } from "./PageHead";
import type { PageTab } from "./params";
import { ChunkSwitch, PageText } from "./PageText";
import { Versions } from "./Versions";

const FROM = "/sources/$sourceId/pages/$pageId";

export function PageView(): ReactNode {
  const { sourceId, pageId } = useParams({ from: FROM });
  const { tab = "text", generation } = useSearch({ from: FROM });
  const { api } = useApp();
  const isOld = tab === "text" && generation !== undefined;
  const query = useQuery(pageQuery(api, pageId, isOld ? Number(generation) : undefined));
  if (query.data === undefined && query.error instanceof ApiError && query.error.status === 404) {
    return <MissingPage key={pageId} sourceId={sourceId} pageId={pageId} error={query.error} />;
  }
  return (
    <Loaded query={query}>
      {(page) => <Shown key={`${pageId} ${isOld ? generation : ""}`} page={page} oldGeneration={isOld ? Number(generation) : null} />}
    </Loaded>
  );
}

/** A page that is not seen any more may still have its versions. */
function MissingPage({ sourceId, pageId, error }: { sourceId: string; pageId: string; error: ApiError }): ReactNode {
  const { api } = useApp();
  const versions = useInfiniteQuery(versionsQuery(api, pageId));
  if (versions.error !== null) {
    return (
      <>
        <div className="head">
          <Heading title="No such page">There is no such page</Heading>
        </div>
        <Failure error={errorOf(error)} />
      </>
    );
  }
  return (
    <Loaded query={versions}>{({ pages }) => <GonePage sourceId={sourceId} pageId={pageId} versions={pages.flatMap((some) => some.items)} />}</Loaded>
  );
}

function Shown({ page, oldGeneration }: { page: PageShape; oldGeneration: number | null }): ReactNode {
  const { tab = "text" } = useSearch({ from: FROM });
  return (
    <>
      <PageHead page={page} />
      <PageTabs tab={tab} tools={tab === "text" && oldGeneration === null ? <ChunkSwitch /> : null}>
        {tab === "text" ? (
          <>
            {oldGeneration === null ? null : <OldVersionNote generation={oldGeneration} page={page} />}
            <PageText page={page} isOld={oldGeneration !== null} />
          </>
        ) : null}
        {tab === "code" ? <CodeExamples page={page} /> : null}
        {tab === "versions" ? <Versions sourceId={page.source_id} pageId={page.page_id} /> : null}
        {tab === "about" ? <About page={page} /> : null}
      </PageTabs>
    </>
  );
}

const TABS: readonly Tab<PageTab>[] = [
  { name: "text", label: "Text" },
  { name: "code", label: "Code examples" },
  { name: "versions", label: "Versions" },
  { name: "about", label: "About" },
];

function PageTabs({ tab, tools, children }: { tab: PageTab; tools: ReactNode; children: ReactNode }): ReactNode {
  const navigate = useNavigate({ from: FROM });
  const choose = (name: PageTab): void =>
    void navigate({ search: name === "text" ? {} : { tab: name }, replace: true, resetScroll: false });
  return (
    <Tabs label="Parts of the page" tabs={TABS} current={tab} onChoose={choose} tools={tools}>
      {children}
    </Tabs>
  );
}
