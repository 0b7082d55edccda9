// The tables of data, as tables.

import { type ReactNode, useState } from "react";

import { count, counted } from "../../text/format";
import { visible } from "../../text/visible";
import type { Table } from "../../wire";

const ROWS = 20;

export function TablesTab({ tables }: { tables: readonly Table[] }): ReactNode {
  if (tables.length === 0) return <p className="card pad muted">There is no table of data on this page.</p>;
  return (
    <div className="stack">
      {tables.map((table, index) => (
        <TableCard key={index} table={table} index={index} />
      ))}
    </div>
  );
}

function TableCard({ table, index }: { table: Table; index: number }): ReactNode {
  const { caption, headers, rows, row_count: all, column_count: columns, is_cut: isCut } = table;
  const [shown, setShown] = useState(ROWS);
  const name = caption === "" ? `Table ${index + 1}` : visible(caption);
  return (
    <section className="card fold-card" aria-label={name} data-testid="table">
      <h2>
        {name} <span className="muted sm num">{counted(all, "row")}, {counted(columns, "column")}</span>
      </h2>
      <div className="table-frame" tabIndex={0} role="group" aria-label={`${name}, scrollable`}>
        <table className="cells">
          {headers.length === 0 ? null : (
            <thead>
              <tr>
                {headers.map((header, at) => (
                  <th key={at} scope="col">
                    {visible(header)}
                  </th>
                ))}
              </tr>
            </thead>
          )}
          <tbody>
            {rows.slice(0, shown).map((row, at) => (
              <tr key={at}>
                {row.map((cell, column) => (
                  <td key={column}>{visible(cell)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > shown ? (
        <p className="row more pad">
          <button type="button" className="btn" onClick={() => setShown(shown + 200)}>
            Show more
          </button>
        </p>
      ) : null}
      {isCut || all > rows.length ? <p className="pad muted sm">The first {count(rows.length)} rows were taken.</p> : null}
    </section>
  );
}
