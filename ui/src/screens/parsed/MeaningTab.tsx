// What the page is for and what can be done on it: its kind with the reasons, regions, menus, pagination, calls to action.

import { Fragment, type ReactNode } from "react";

import { count } from "../../text/format";
import { KIND_NAMES, MENU_NAMES, percent, REGION_NAMES } from "../../text/parses";
import { visible } from "../../text/visible";
import type { CallToAction, Link as PageLink, NavigationMenu, Pagination, ParsedPage, Region } from "../../wire";
import { Target } from "./ElementDetail";
import { Fold } from "./Fold";
import { Reasons } from "./FormsTab";
import { ElementButton, PlaceButton } from "./PlaceButton";

export function MeaningTab({ page }: { page: ParsedPage }): ReactNode {
  const { meaning, navigation, dom } = page;
  const boxOf = (region: Region): Region["box"] => region.box ?? dom.landmarks.find((each) => each.landmark_id === region.landmark_id)?.box ?? null;
  return (
    <div className="stack">
      <section className="card pad note" aria-label="Kind">
        <p>
          <b>{KIND_NAMES[meaning.kind]}</b>, {percent(meaning.confidence)} sure.{" "}
          <span className="muted sm">{meaning.by === "model" ? `Told by rules and a chat model${meaning.model === null ? "" : `, ${visible(meaning.model)}`}.` : "Told by rules."}</span>
        </p>
        {meaning.summary === "" ? null : <p className="wrap">{visible(meaning.summary)}</p>}
        <ul className="bullets sm">
          {meaning.reasons.map((reason) => (
            <li key={reason} className="wrap">
              {visible(reason)}
            </li>
          ))}
        </ul>
      </section>
      <Actions actions={meaning.calls_to_action} />
      <Regions regions={meaning.regions} boxOf={boxOf} />
      {meaning.pagination === null ? null : <Pages pagination={meaning.pagination} url={navigation.final_url} />}
      <Menus menus={meaning.menus} url={navigation.final_url} />
    </div>
  );
}

function Actions({ actions }: { actions: readonly CallToAction[] }): ReactNode {
  return (
    <Fold title="Calls to action" size={actions.length} none="Nothing on the page stands out as what to do.">
      <ul className="facts-list">
        {actions.map(({ element_id: id, label, is_primary: isPrimary, reasons }) => (
          <li key={id}>
            <ElementButton id={id}>{visible(label)}</ElementButton>
            {isPrimary ? <span className="tag">the main one</span> : null}
            <Reasons reasons={reasons} />
          </li>
        ))}
      </ul>
    </Fold>
  );
}

function Regions({ regions, boxOf }: { regions: readonly Region[]; boxOf: (region: Region) => Region["box"] }): ReactNode {
  return (
    <Fold title="Regions" size={regions.length} none="No part of the page stands out.">
      <ul className="facts-list">
        {regions.map((region, index) => (
          <li key={index}>
            <PlaceButton box={boxOf(region)}>
              <b>{REGION_NAMES[region.kind]}</b> {visible(region.name)}
            </PlaceButton>
            {region.summary === "" ? null : <span className="muted sm wrap">{visible(region.summary)}</span>}
          </li>
        ))}
      </ul>
    </Fold>
  );
}

function Pages({ pagination, url }: { pagination: Pagination; url: string }): ReactNode {
  const { current, total, previous, next, pages, has_more_button: hasMore } = pagination;
  const facts: readonly (readonly [string, ReactNode])[] = [
    ["Page", `${current === null ? "?" : count(current)}${total === null ? "" : ` of ${count(total)}`}`],
    ["Previous", previous === null ? "none" : <Leads link={previous} url={url} />],
    ["Next", next === null ? "none" : <Leads link={next} url={url} />],
    ["Pages", pages.length === 0 ? "none" : <Links links={pages} url={url} />],
    ["More button", hasMore ? "yes" : "no"],
  ];
  return (
    <Fold title="Pagination" size={null} none="">
      <dl className="pairs">
        {facts.map(([name, value]) => (
          <Fragment key={name}>
            <dt className="muted sm">{name}</dt>
            <dd className="sm wrap">{value}</dd>
          </Fragment>
        ))}
      </dl>
    </Fold>
  );
}

function Menus({ menus, url }: { menus: readonly NavigationMenu[]; url: string }): ReactNode {
  return (
    <Fold title="Menus" size={menus.length} none="The page has no menus.">
      {menus.map(({ kind, name, links, link_count: all }, index) => (
        <details key={index} className="menu sm">
          <summary>
            {MENU_NAMES[kind]} {name === "" ? null : <span className="wrap">“{visible(name)}”</span>} <span className="muted num">{count(all)}</span>
          </summary>
          <Links links={links} url={url} />
          {all > links.length ? <p className="muted xs">and {count(all - links.length)} more</p> : null}
        </details>
      ))}
    </Fold>
  );
}

function Links({ links, url }: { links: readonly PageLink[]; url: string }): ReactNode {
  return (
    <ul className="menu-links">
      {links.map((link, index) => (
        <li key={index}>
          <Leads link={link} url={url} />
          {link.is_current ? <span className="tag">this one</span> : null}
        </li>
      ))}
    </ul>
  );
}

/** A link of the page: to its element where it is in the list, and where it leads. */
function Leads({ link: { label, href, element_id: id }, url }: { link: PageLink; url: string }): ReactNode {
  return (
    <>
      {id === null ? visible(label) : <ElementButton id={id}>{visible(label === "" ? href : label)}</ElementButton>}{" "}
      <span className="xs">
        <Target href={href} base={url} />
      </span>
    </>
  );
}
