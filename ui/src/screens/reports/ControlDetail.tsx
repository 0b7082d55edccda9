// One control: what it asks, the verdict with its reasons and quotes, and the evidence beside its page.

import { Link } from "@tanstack/react-router";
import { type ReactNode, useRef } from "react";

import { counted } from "../../text/format";
import { rangeHash } from "../../text/pageHash";
import { visible } from "../../text/visible";
import type { AssessmentShape, ControlShape, Passage, Quote } from "../../wire";
import { useReportParams } from "./ControlsTab";
import { EvidenceList } from "./EvidenceList";
import { PassagePage } from "./PassagePage";

export function ControlDetail({ control }: { control: ControlShape }): ReactNode {
  const [{ passage: at = "1" }] = useReportParams();
  const evidence = control.evidence ?? [];
  const shown = evidence[Number(at) - 1] ?? evidence[0];
  const isChosenHere = useRef(false);
  return (
    <div className="control-detail">
      <div className="stack">
        <Requirement control={control} />
        <Verdict control={control} />
        <EvidenceList control={control} shown={shown} onChoose={() => (isChosenHere.current = true)} />
      </div>
      {shown === undefined ? null : <PassagePage key={shown.chunk_id} passage={shown} quotes={control.assessment?.quotes ?? []} isChosenHere={isChosenHere} />}
    </div>
  );
}

function Requirement({ control: { text, guidance, evidence_wanted: wanted } }: { control: ControlShape }): ReactNode {
  return (
    <section aria-label="What it asks">
      <p className="control-text">{visible(text)}</p>
      {guidance === "" && wanted.length === 0 ? null : (
        <details>
          <summary className="sm muted">Guidance, and evidence that would show it</summary>
          {guidance === "" ? null : <p className="sm control-text">{visible(guidance)}</p>}
          <ul className="sm report-wanted">
            {wanted.map((each) => (
              <li key={each}>{visible(each)}</li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function Verdict({ control: { assessment, evidence } }: { control: ControlShape }): ReactNode {
  if (assessment === null) {
    return <p className="muted">{evidence === null ? "Its evidence has not been looked for yet." : "The evidence is there; the verdict is to come."}</p>;
  }
  const { reasoning, gap, note, quotes, quotes_dropped: dropped } = assessment;
  return (
    <section aria-label="Verdict" className="stack">
      {reasoning === "" ? null : <p className="wrap">{visible(reasoning)}</p>}
      {gap === "" ? null : (
        <p className="wrap">
          <b>Missing:</b> {visible(gap)}
        </p>
      )}
      {note === "" ? null : <p className="muted wrap">{visible(note)}</p>}
      {quotes.map((quote, index) => (
        // The same words may stand in two pages.
        <QuoteBlock key={index} quote={quote} passages={evidence ?? []} />
      ))}
      <p className="muted xs">
        {assessorText(assessment)}
        {dropped === 0 ? "" : ` ${counted(dropped, "quote")} stood in no page and did not count.`}
      </p>
    </section>
  );
}

const ASSESSORS: Readonly<Record<AssessmentShape["by"], (model: string) => string>> = {
  model: (model) => `Judged by ${model}, from these passages alone.`,
  kept: (model) => `Judged by ${model} in an earlier report: the same question was not asked again.`,
  none: () => "No model judged it.",
};

function assessorText({ by, model }: AssessmentShape): string {
  return ASSESSORS[by](visible(model ?? "a model"));
}

function QuoteBlock({ quote, passages }: { quote: Quote; passages: readonly Passage[] }): ReactNode {
  const passage = passages[quote.passage - 1];
  const { start, end, page_id: pageId } = quote;
  const hash = start === null || end === null ? passage?.chunk_id : rangeHash(start, end);
  return (
    <blockquote className="report-quote">
      <p>{visible(quote.text)}</p>
      {passage === undefined || hash === undefined ? null : (
        <Link to="/sources/$sourceId/pages/$pageId" params={{ sourceId: passage.source_id, pageId }} hash={hash} className="sm wrap">
          {visible(passage.title || quote.url)}
        </Link>
      )}
    </blockquote>
  );
}
