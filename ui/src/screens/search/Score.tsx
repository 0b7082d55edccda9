// A hit's score: a small meter, and what it is made of.

import type { ReactNode } from "react";

import type { HitShape } from "../../wire";
import { matchedText, partsOf } from "./scoreText";

/** How near it is to the best of the list. */
export function Meter({ score, best }: { score: number; best: number }): ReactNode {
  return (
    <span className="score num xs">
      <span className="meter" aria-hidden="true">
        <b style={{ width: `${Math.round((100 * Math.max(0, score)) / best)}%` }} />
      </span>
      <span className="sr">Score </span>
      {score.toFixed(2)}
    </span>
  );
}

export function WhyFound({ hit }: { hit: HitShape }): ReactNode {
  const where = matchedText(hit.matched);
  return (
    <details className="why">
      <summary className="sm">
        Why it was found <span className="muted num">score {hit.score.toFixed(2)}</span>
      </summary>
      <table className="sm">
        <thead>
          <tr>
            <th scope="col">By</th>
            <th scope="col">Adds</th>
            <th scope="col">Rank</th>
            <th scope="col">Measured</th>
          </tr>
        </thead>
        <tbody>
          {partsOf(hit.scores).map(({ name, label, help, added, rank, raw }) => (
            <tr key={name}>
              <th scope="row" title={help}>
                {label}
              </th>
              <td className="num">{added}</td>
              <td className="num">{rank}</td>
              <td className="num muted">{raw}</td>
            </tr>
          ))}
          <tr>
            <th scope="row">Score</th>
            <td className="num b">{hit.score.toFixed(3)}</td>
            <td />
            <td />
          </tr>
        </tbody>
      </table>
      <p className="muted sm">{where}</p>
    </details>
  );
}
