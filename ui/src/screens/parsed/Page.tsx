// A page that was parsed: how it came, then all that is known of it, in tabs. Where places matter, the screenshot is beside.

import { type ReactNode, useMemo, useState } from "react";

import { Tabs } from "../../components/Tabs";
import { count } from "../../text/format";
import { drawnOf, shownBoxOf } from "../../text/overlay";
import type { Box, InteractiveElement, ParsedPage, ParseShape } from "../../wire";
import { ContentTab } from "./ContentTab";
import { ElementsTab } from "./ElementsTab";
import { FormsTab } from "./FormsTab";
import { Head } from "./Head";
import { IncidentsTab, troubles } from "./IncidentsTab";
import { JsonTab } from "./JsonTab";
import { MeaningTab } from "./MeaningTab";
import { OutlineTab } from "./OutlineTab";
import type { ParsedTab } from "./params";
import { type Place, PlaceContext } from "./place";
import { Shot } from "./Shot";
import { TablesTab } from "./TablesTab";
import { useElements } from "./useElements";
import { useParsedParams } from "./useParsedParams";
import { Attempts } from "./UnderWay";

interface Props {
  readonly id: string;
  readonly parse: ParseShape;
  readonly page: ParsedPage;
}

/** Tabs that speak of places on the page. */
const HAS_SHOT: Readonly<Record<ParsedTab, boolean>> = {
  elements: true,
  outline: true,
  forms: true,
  tables: false,
  meaning: true,
  content: false,
  incidents: false,
  json: false,
};

export function Page({ id, parse, page }: Props): ReactNode {
  const { params, set } = useParsedParams();
  const { tab = "elements" } = params;
  const choose = (name: ParsedTab): void => set({ tab: name === "elements" ? undefined : name });
  return (
    <>
      <Head parse={parse} page={page} />
      <Attempts attempts={parse.attempts} />
      <Tabs label="The page" tabs={tabsOf(page)} current={tab} onChoose={choose}>
        <div className="tab-body">
          {HAS_SHOT[tab] ? <WithShot id={id} parse={parse} page={page} tab={tab} /> : null}
          {tab === "tables" ? <TablesTab tables={page.tables} /> : null}
          {tab === "content" ? <ContentTab page={page} /> : null}
          {tab === "incidents" ? <IncidentsTab incidents={page.incidents} /> : null}
          {tab === "json" ? <JsonTab parse={parse} /> : null}
        </div>
      </Tabs>
    </>
  );
}

function tabsOf(page: ParsedPage): readonly { name: ParsedTab; label: string; badge?: ReactNode }[] {
  const badge = (size: number): ReactNode => (size === 0 ? null : <span className="muted num">{count(size)}</span>);
  const wrong = troubles(page.incidents);
  return [
    { name: "elements", label: "Elements", badge: badge(page.element_count) },
    { name: "outline", label: "Outline" },
    { name: "forms", label: "Forms", badge: badge(page.forms.length) },
    { name: "tables", label: "Tables", badge: badge(page.tables.length) },
    { name: "meaning", label: "Meaning" },
    { name: "content", label: "Content" },
    { name: "incidents", label: "Console & network", badge: wrong === 0 ? null : <span className="n bad num">{count(wrong)}</span> },
    { name: "json", label: "JSON" },
  ];
}

/** The screenshot stays as it stands when another of these tabs is chosen. */
function WithShot({ id, parse, page, tab }: Props & { tab: ParsedTab }): ReactNode {
  const elements = useElements(page.elements);
  const [hovered, setHovered] = useState<string | null>(null);
  const [place, setPlace] = useState<Place | null>(null);
  const drawn = useMemo(() => drawnOf(elements.shown, page.screenshot ?? page.page_size), [elements.shown, page]);
  const places = useMemo(() => ({ place, setPlace, choose: elements.choose }), [place, elements.choose]);
  const hoveredBox = boxOf(page.elements, hovered);
  return (
    <PlaceContext value={places}>
      <div className="parsed-cols">
        <Shot
          id={id}
          parse={parse}
          page={page}
          drawn={drawn}
          selected={elements.selected}
          hovered={hoveredBox === null ? null : { id: hovered ?? "", box: hoveredBox }}
          place={place}
          onHover={setHovered}
          onChoose={elements.choose}
        />
        <div className="parsed-side">
          {tab === "elements" ? <ElementsTab page={page} elements={elements} hovered={hovered} onHover={setHovered} /> : null}
          {tab === "outline" ? <OutlineTab page={page} /> : null}
          {tab === "forms" ? <FormsTab page={page} /> : null}
          {tab === "meaning" ? <MeaningTab page={page} /> : null}
        </div>
      </div>
    </PlaceContext>
  );
}

function boxOf(elements: readonly InteractiveElement[], id: string | null): Box | null {
  if (id === null) return null;
  const element = elements.find((each) => each.element_id === id);
  return element?.is_visible === true ? shownBoxOf(element) : null;
}
