// The screenshot with the elements drawn over it, in the page's own pixels, so that both fit at every size. The list beside it
// tells a screen reader the same: the drawing is hidden from it.

import { type MouseEvent, type ReactNode, useState } from "react";

import { count } from "../../text/format";
import { type Drawn, elementAt } from "../../text/overlay";
import { visible } from "../../text/visible";
import type { Box, InteractiveElement, ParsedPage, ParseShape, Size } from "../../wire";
import { Overlay } from "./Overlay";
import type { Zoom } from "./params";
import type { Place } from "./place";
import { useFrame } from "./useFrame";
import { useParsedParams } from "./useParsedParams";
import { usePicture } from "./usePicture";

interface Props {
  readonly id: string;
  readonly parse: ParseShape;
  readonly page: ParsedPage;
  readonly drawn: readonly Drawn[];
  readonly selected: InteractiveElement | null;
  readonly hovered: { readonly id: string; readonly box: Box } | null;
  readonly place: Place | null;
  readonly onHover: (id: string | null) => void;
  readonly onChoose: (id: string | null) => void;
}

export function Shot(props: Props): ReactNode {
  const { id, parse, page, drawn, selected, hovered, place, onHover, onChoose } = props;
  const { zoom } = useParsedParams().params;
  const size = page.screenshot ?? page.page_size;
  const chosen = selected?.is_visible === true ? selected.box : null;
  const { frame, inner, view, scale, look } = useFrame(size, zoom, { chosen, place });
  const under = ({ clientX, clientY }: MouseEvent): string | null => {
    const at = inner.current?.getBoundingClientRect();
    if (at === undefined || at.width === 0) return null;
    const perPixel = size.width / at.width;
    return elementAt(drawn, (clientX - at.left) * perPixel, (clientY - at.top) * perPixel)?.element_id ?? null;
  };
  return (
    <figure className="card shot">
      <figcaption className="shot-bar">
        <span className="muted sm num">
          {count(size.width)} × {count(size.height)}
          {page.screenshot?.is_cut === true ? ", and the page goes on below" : ""}
        </span>
        <span className="sp" />
        <ZoomChoice />
      </figcaption>
      <div ref={frame} className="shot-frame" tabIndex={0} role="region" aria-label={`Screenshot, ${count(drawn.length)} elements outlined`} onScroll={look}>
        <div
          ref={inner}
          className={hovered === null ? "shot-page" : "shot-page pointing"}
          style={{ width: zoom === undefined ? `min(100%, ${size.width}px)` : (size.width * Number(zoom)) / 100, aspectRatio: `${size.width} / ${size.height}` }}
          onPointerMove={(event) => {
            const found = under(event);
            if (found !== (hovered?.id ?? null)) onHover(found);
          }}
          onPointerLeave={() => onHover(null)}
          onClick={(event) => onChoose(under(event))}
        >
          <Picture id={id} parse={parse} size={size} />
          <Overlay size={size} drawn={drawn} view={view} scale={scale} selected={selected} hovered={hovered} place={place?.box ?? null} />
        </div>
      </div>
    </figure>
  );
}

function Picture({ id, parse, size }: { id: string; parse: ParseShape; size: Size }): ReactNode {
  const { picture, isGone } = usePicture(id, parse);
  const [isBroken, setBroken] = useState(false);
  if (picture !== null && !isBroken) {
    return (
      <img
        {...picture}
        alt={`Screenshot of ${visible(parse.url)}`}
        width={size.width}
        height={size.height}
        draggable={false}
        data-testid="screenshot"
        onError={() => setBroken(true)}
      />
    );
  }
  const text = parse.screenshot_url === null ? "No screenshot was taken: the elements stand on an empty page." : "The screenshot is not kept any more.";
  return <div className="shot-none">{isGone || isBroken || parse.screenshot_url === null ? <p className="muted sm">{text}</p> : null}</div>;
}

const ZOOMS: readonly (Zoom | undefined)[] = [undefined, "50", "100", "200"];

function ZoomChoice(): ReactNode {
  const { params, set } = useParsedParams();
  return (
    <span className="zooms" role="group" aria-label="Size of the screenshot">
      {ZOOMS.map((each) => (
        <button key={each ?? "fit"} type="button" className="chip" aria-pressed={each === params.zoom} onClick={() => set({ zoom: each })}>
          {each === undefined ? "Fit" : `${each} %`}
        </button>
      ))}
    </span>
  );
}
