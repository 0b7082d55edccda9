// The icons, drawn here so that none is fetched. All are decoration: the label is always text.

import type { ReactNode } from "react";

const line = { fill: "none", stroke: "currentColor", strokeWidth: 1.6, strokeLinecap: "round" } as const;

const SHAPES = {
  search: (
    <g {...line}>
      <circle cx="7" cy="7" r="4.5" />
      <path d="m10.5 10.5 4 4" />
    </g>
  ),
  sources: <path {...line} d="M2 4h12M2 8h12M2 12h12" />,
  activity: <path {...line} d="M1 8h3l2-5 4 10 2-5h3" />,
  plus: <path {...line} strokeWidth={2} d="M8 3v10M3 8h10" />,
  cross: <path {...line} strokeWidth={2} d="m4 4 8 8m0-8-8 8" />,
  check: <path {...line} strokeWidth={2} d="m3.5 8.5 3 3 6-7" />,
  retry: <path {...line} strokeWidth={1.8} d="M13 8a5 5 0 1 1-1.5-3.6M13 2v3h-3" />,
  stop: <rect x="4" y="4" width="8" height="8" rx="1" fill="currentColor" />,
  pause: <path {...line} strokeWidth={2.4} d="M5.5 3.5v9M10.5 3.5v9" />,
  clock: (
    <g {...line}>
      <circle cx="8" cy="8" r="6" />
      <path d="M8 4.5V8l2.5 1.5" />
    </g>
  ),
  busy: <path {...line} strokeWidth={2} d="M8 2a6 6 0 1 0 6 6" />,
  slash: (
    <g {...line}>
      <circle cx="8" cy="8" r="6" />
      <path d="m4 12 8-8" />
    </g>
  ),
  copy: (
    <g {...line}>
      <rect x="5" y="5" width="8.5" height="8.5" rx="1.5" />
      <path d="M10.5 2.5h-7a1 1 0 0 0-1 1v7" />
    </g>
  ),
  down: <path {...line} strokeWidth={1.8} d="M8 2.5v8m-3.5-3L8 11l3.5-3.5M3 14h10" />,
  external: <path {...line} d="M9 2.5h4.5V7M13 3 7.5 8.5M11 9.5v3a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1h3" />,
  open: <path {...line} strokeWidth={2} d="m4 6 4 4 4-4" />,
  closed: <path {...line} strokeWidth={2} d="m6 4 4 4-4 4" />,
  dash: <path {...line} strokeWidth={2} d="M4 8h8" />,
  queue: (
    <g {...line}>
      <rect x="2" y="2.5" width="12" height="4" rx="1" />
      <path d="M3 10h10M4.5 13.5h7" />
    </g>
  ),
  parse: (
    <g {...line}>
      <rect x="2" y="2" width="12" height="12" rx="1" />
      <rect x="5" y="6" width="6" height="4" />
    </g>
  ),
  settings: (
    <g {...line}>
      <path d="M2 4.5h6m4 0h2M2 11.5h2m4 0h6" />
      <circle cx="10" cy="4.5" r="2" />
      <circle cx="6" cy="11.5" r="2" />
    </g>
  ),
  traces: <path {...line} d="M2 4h5m3 0h4M2 8h2m3 0h7M2 12h7m3 0h2" />,
  reports: (
    <g {...line}>
      <path d="M3 1.8h7L13 5v9.2H3z" />
      <path d="m5.5 9 1.8 1.8 3.4-4" />
    </g>
  ),
  stories: <path {...line} d="M8 4C6.5 2.8 4.5 2.5 2 2.5v10c2.5 0 4.5.3 6 1.5 1.5-1.2 3.5-1.5 6-1.5v-10c-2.5 0-4.5.3-6 1.5zm0 0v10" />,
  question: <path {...line} strokeWidth={1.8} d="M5.5 5.8a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M8 12.6v.4" />,
  half: (
    <g {...line}>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M8 2.5v11a5.5 5.5 0 0 0 0-11" fill="currentColor" />
    </g>
  ),
  play: <path fill="currentColor" d="M5 3.2v9.6L12.5 8z" />,
  alert: <path {...line} strokeWidth={2} d="M8 3.5v5M8 12v.5" />,
} as const;

export type IconName = keyof typeof SHAPES;

export function Icon({ name, className }: { name: IconName; className?: string }): ReactNode {
  return (
    <svg viewBox="0 0 16 16" aria-hidden="true" className={className}>
      {SHAPES[name]}
    </svg>
  );
}
