// The frameworks that are there, with who wrote them and on which terms.

import type { ReactNode } from "react";

import { count, dateAndTime } from "../../text/format";
import { visible } from "../../text/visible";
import type { FrameworkSummary } from "../../wire";

export function Frameworks({ frameworks }: { frameworks: readonly FrameworkSummary[] }): ReactNode {
  return (
    <section className="stack" aria-labelledby="frameworks">
      <h2 id="frameworks">Frameworks</h2>
      <div className="card table-frame" tabIndex={0} role="group" aria-labelledby="frameworks">
        <table className="table frameworks">
          <thead>
            <tr>
              <th scope="col">Framework</th>
              <th scope="col">Version</th>
              <th scope="col">Controls</th>
              <th scope="col">Publisher and terms</th>
              <th scope="col">Added</th>
            </tr>
          </thead>
          <tbody>
            {frameworks.map((each) => (
              <tr key={`${each.framework_id} ${each.version}`}>
                <th scope="row">
                  <span className="wrap">{visible(each.title)}</span>
                  <br />
                  <code className="mono xs muted">{visible(each.framework_id)}</code>
                </th>
                <td>{visible(each.version)}</td>
                <td className="num">{count(each.control_count)}</td>
                <td className="sm wrap">{visible([each.publisher, each.license].filter((part) => part !== "").join(". ")) || "not told"}</td>
                <td className="sm">{each.is_bundled ? "comes along" : dateAndTime(each.added_at)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
