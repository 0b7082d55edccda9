// Verdicts as badges and as one bar: word, icon and hatching besides the colour.

import type { ReactNode } from "react";

import { TONE_CLASS } from "../../components/Bar";
import { Icon, type IconName } from "../../components/Icon";
import { countOf, countsText, type Standing, STANDING_FACES, STANDINGS } from "../../text/compliance";
import type { Counts } from "../../wire";

const ICONS: Readonly<Record<Standing, IconName>> = {
  met: "check",
  partly: "half",
  not_met: "cross",
  unknown: "question",
  waiting: "clock",
};

export function VerdictBadge({ standing }: { standing: Standing }): ReactNode {
  const { label, tone } = STANDING_FACES[standing];
  return (
    <span className={`st ${TONE_CLASS[tone]}`} data-testid="verdict" data-verdict={standing}>
      <Icon name={ICONS[standing]} />
      {label}
    </span>
  );
}

/** A part for each verdict that occurs, as long as its share. */
export function VerdictBar({ counts }: { counts: Counts }): ReactNode {
  const text = countsText(counts);
  return (
    <div className="verdict-bar" role="img" aria-label={text === "" ? "No control yet" : text}>
      {STANDINGS.filter((standing) => countOf(counts, standing) > 0).map((standing) => (
        <i key={standing} className={standing} style={{ flexGrow: countOf(counts, standing) }} />
      ))}
    </div>
  );
}
