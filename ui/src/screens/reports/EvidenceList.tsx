// The passages of a control: where each stands, how fresh it is, why it was found. The chosen one is shown in its page.

import type { ReactNode } from "react";

import { useNow } from "../../components/useNow";
import { passageName } from "../../text/compliance";
import { ago, counted } from "../../text/format";
import { visible } from "../../text/visible";
import type { ControlShape, Passage } from "../../wire";
import { useReportParams } from "./ControlsTab";

interface Props {
  readonly control: ControlShape;
  readonly shown: Passage | undefined;
  /** Before another one is shown. */
  readonly onChoose: () => void;
}

export function EvidenceList({ control: { evidence }, shown, onChoose }: Props): ReactNode {
  const now = useNow(60_000);
  if (evidence === null) return null;
  if (evidence.length === 0) return <p className="muted">Nothing was found for it in these sources.</p>;
  return (
    <section aria-label="Evidence">
      <h4>{counted(evidence.length, "passage")}</h4>
      <ol className="report-evidence">
        {evidence.map((passage, index) => (
          <Item key={passage.chunk_id} passage={passage} number={index + 1} isShown={passage === shown} onChoose={onChoose} now={now} />
        ))}
      </ol>
    </section>
  );
}

interface ItemProps {
  readonly passage: Passage;
  readonly number: number;
  readonly isShown: boolean;
  readonly onChoose: () => void;
  readonly now: number;
}

function Item({ passage, number, isShown, onChoose, now }: ItemProps): ReactNode {
  const [, change] = useReportParams();
  const choose = (): void => {
    onChoose();
    change({ passage: String(number) });
  };
  return (
    <li className={isShown ? "current" : undefined} data-testid="passage">
      <button type="button" className="link" aria-pressed={isShown} onClick={choose}>
        <span className="num">{number}.</span> {visible(passageName(passage))}
      </button>
      <span className="row sm muted">
        <span>seen {ago(passage.seen_at, now)}</span>
        {passage.is_missing ? <span className="st warn">not met by the last crawl</span> : null}
      </span>
      <details>
        <summary className="sm muted">Why it was found</summary>
        <ul className="sm report-wanted">
          {passage.why.map(({ query, rank, score }) => (
            <li key={query} className="wrap">
              “{visible(query)}”: hit {rank}, score {score.toFixed(2)}
            </li>
          ))}
        </ul>
      </details>
    </li>
  );
}

