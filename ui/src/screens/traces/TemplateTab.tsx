// The prompt with its variables marked, and what each variable is.

import type { ReactNode } from "react";

import { CopyButton } from "../../components/buttons";
import { visible } from "../../text/visible";
import type { TraceGroupDetail, VariableShape } from "../../wire";

const MOST_SAMPLE = 160;

export function TemplateTab({ group }: { group: TraceGroupDetail }): ReactNode {
  return (
    <>
      <section className="card pad" aria-label="Prompt">
        <div className="row">
          <h2>Prompt</h2>
          <span className="sp" />
          <CopyButton text={group.prompt} label="Copy prompt" />
        </div>
        <Marked constants={group.constants} names={group.variables.map((variable) => variable.name)} />
      </section>
      <Variables variables={group.variables} />
    </>
  );
}

/** Constant texts with a variable between each two: told apart by its frame and brackets as well as by colour. */
export function Marked({ constants, names }: { constants: readonly string[]; names: readonly string[] }): ReactNode {
  return (
    <p className="trace-prompt" data-testid="prompt">
      {constants.map((constant, index) => (
        // Their order is all that tells the parts apart.
        <span key={index}>
          {index === 0 ? null : <var>{`{{${visible(names[index - 1] ?? "value")}}}`}</var>}
          {visible(constant)}
        </span>
      ))}
    </p>
  );
}

function Variables({ variables }: { variables: readonly VariableShape[] }): ReactNode {
  if (variables.length === 0) return <p className="muted">All its traces say the same: there is no variable.</p>;
  return (
    <div className="card table-frame" tabIndex={0} role="region" aria-label="Variables">
      <table className="table trace-variables">
        <thead>
          <tr>
            <th scope="col">Variable</th>
            <th scope="col">Type</th>
            <th scope="col">Samples</th>
          </tr>
        </thead>
        <tbody>
          {variables.map((variable) => (
            <tr key={variable.name}>
              <th scope="row" className="mono">
                {visible(variable.name)}
              </th>
              <td>
                {variable.type}
                {variable.is_optional ? <span className="muted sm"> (empty at times)</span> : null}
              </td>
              <td>
                <Samples texts={variable.choices.length > 0 ? variable.choices : variable.samples} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Samples({ texts }: { texts: readonly string[] }): ReactNode {
  if (texts.length === 0) return <span className="muted">none</span>;
  return (
    <ul className="trace-samples sm">
      {texts.map((text) => (
        <li key={text} className="wrap">
          {visible(text.length > MOST_SAMPLE ? `${text.slice(0, MOST_SAMPLE)}…` : text)}
        </li>
      ))}
    </ul>
  );
}
