// The page's structure: landmarks, headings, frames, the tree where it was asked for, and what the document says of itself.

import type { ReactNode } from "react";

import { count, counted } from "../../text/format";
import { safeHref, visible } from "../../text/visible";
import type { Dom, Frame, Heading, Landmark, ParsedPage } from "../../wire";
import { DomTree } from "./DomTree";
import { PlaceButton } from "./PlaceButton";
import { SaysOfItself } from "./SaysOfItself";
import { Fold } from "./Fold";

export function OutlineTab({ page }: { page: ParsedPage }): ReactNode {
  const { dom } = page;
  return (
    <div className="stack">
      <p className="muted sm num">
        {counted(dom.element_count, "element")}
        {dom.depth > 0 ? `, ${count(dom.depth)} deep` : ""}
        {dom.shadow_root_count > 0 ? `, ${counted(dom.shadow_root_count, "shadow root")}` : ""}
        {dom.is_cut ? "; the tree was cut" : ""}
      </p>
      <Landmarks landmarks={dom.landmarks} />
      <Headings headings={dom.headings} />
      <Frames frames={dom.frames} />
      <Tree dom={dom} />
      <SaysOfItself head={page.head} url={page.navigation.final_url} />
    </div>
  );
}

function Landmarks({ landmarks }: { landmarks: readonly Landmark[] }): ReactNode {
  return (
    <Fold title="Landmarks" size={landmarks.length} none="The page marks no regions.">
      <ul className="facts-list">
        {landmarks.map(({ landmark_id: id, role, name, box, text_characters: characters, link_count: links }) => (
          <li key={id}>
            <PlaceButton box={box}>
              <b>{visible(role)}</b> {visible(name)}
            </PlaceButton>
            <span className="muted xs num">
              {counted(characters, "character")}, {counted(links, "link")}
            </span>
          </li>
        ))}
      </ul>
    </Fold>
  );
}

function Headings({ headings }: { headings: readonly Heading[] }): ReactNode {
  return (
    <Fold title="Headings" size={headings.length} none="The page has no headings.">
      <ol className="facts-list">
        {headings.map(({ level, text, box }, index) => (
          <li key={index} style={{ paddingInlineStart: `${16 + (level - 1) * 14}px` }}>
            <PlaceButton box={box}>
              <span className="muted xs num">h{level}</span> {visible(text)}
            </PlaceButton>
          </li>
        ))}
      </ol>
    </Fold>
  );
}

function Frames({ frames }: { frames: readonly Frame[] }): ReactNode {
  const inner = frames.filter((frame) => frame.parent_id !== null);
  if (inner.length === 0) return null;
  return (
    <Fold title="Frames" size={inner.length} none="">
      <ul className="facts-list">
        {inner.map(({ frame_id: id, url, name, title, box, is_read: isRead, reason }) => (
          <li key={id}>
            <PlaceButton box={box}>
              <b>{visible(title || name || id)}</b> <span className="mono xs">{safeHref(url) === null ? visible(url.slice(0, 200)) : visible(url)}</span>
            </PlaceButton>
            {isRead ? null : <span className="tag">not read{reason === null ? "" : `: ${visible(reason)}`}</span>}
          </li>
        ))}
      </ul>
    </Fold>
  );
}

function Tree({ dom: { tree } }: { dom: Dom }): ReactNode {
  return (
    <Fold title="Tree" size={null} none="">
      {tree === null ? <p className="pad muted sm">It was not asked for: parse again with “The document’s tree” among the options.</p> : <DomTree root={tree} />}
    </Fold>
  );
}
