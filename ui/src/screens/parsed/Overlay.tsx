// What is drawn over the screenshot. One path for all boxes of a kind: thousands of elements are a handful of nodes.

import { memo, type ReactNode, useMemo } from "react";

import { type Drawn, labelsOf, outline, shownBoxOf } from "../../text/overlay";
import type { Box, InteractiveElement, Size } from "../../wire";

interface Props {
  readonly size: Size;
  readonly drawn: readonly Drawn[];
  readonly view: Box;
  readonly scale: number;
  readonly selected: InteractiveElement | null;
  readonly hovered: { readonly id: string; readonly box: Box } | null;
  readonly place: Box | null;
}

export function Overlay({ size, drawn, view, scale, selected, hovered, place }: Props): ReactNode {
  const chosen = selected?.is_visible === true ? shownBoxOf(selected) : null;
  return (
    <svg className="overlay" viewBox={`0 0 ${size.width} ${size.height}`} preserveAspectRatio="none" aria-hidden="true" data-testid="overlay">
      <Boxes drawn={drawn} />
      {place === null ? null : <Mark box={place} className="place" />}
      {hovered === null ? null : <Mark box={hovered.box} className="hovered" id={hovered.id} />}
      {chosen === null ? null : <Mark box={chosen} className="chosen" id={selected?.element_id} />}
      <Labels drawn={drawn} view={view} scale={scale} selected={selected?.element_id ?? null} hovered={hovered?.id ?? null} />
    </svg>
  );
}

const Boxes = memo(function Boxes({ drawn }: { drawn: readonly Drawn[] }): ReactNode {
  const paths = useMemo(() => {
    const pathOf = (isEnabled: boolean): string => outline(drawn.filter(({ element }) => element.is_enabled === isEnabled).map(({ box }) => box));
    return { all: outline(drawn.map(({ box }) => box)), enabled: pathOf(true), disabled: pathOf(false) };
  }, [drawn]);
  return (
    <>
      <path className="halo" d={paths.all} />
      <path className="boxes" d={paths.enabled} data-testid="boxes" />
      <path className="boxes off" d={paths.disabled} />
    </>
  );
});

function Mark({ box, className, id }: { box: Box; className: string; id?: string | undefined }): ReactNode {
  const { x, y, width, height } = box;
  return (
    <>
      <rect className="mark-halo" x={x} y={y} width={width} height={height} />
      <rect className={`mark ${className}`} x={x} y={y} width={width} height={height} data-element={id} />
    </>
  );
}

interface LabelsProps {
  readonly drawn: readonly Drawn[];
  readonly view: Box;
  readonly scale: number;
  readonly selected: string | null;
  readonly hovered: string | null;
}

const FONT_PX = 9;
const BASELINE_PX = 8.8;

function Labels({ drawn, view, scale, selected, hovered }: LabelsProps): ReactNode {
  const labels = useMemo(
    () => labelsOf(drawn, view, scale, new Set([selected, hovered].filter((id) => id !== null))),
    [drawn, view, scale, selected, hovered],
  );
  return (
    <>
      <path className="label-ground" d={outline(labels.filter(({ id }) => id !== selected).map(({ box }) => box))} />
      <path className="label-ground chosen" d={outline(labels.filter(({ id }) => id === selected).map(({ box }) => box))} />
      {labels.map(({ id, text, box }) => (
        <text key={id} x={box.x + box.width / 2} y={box.y + BASELINE_PX / scale} fontSize={FONT_PX / scale}>
          {text}
        </text>
      ))}
    </>
  );
}
