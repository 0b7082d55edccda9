// Tables of data, their cells as text. Those that only lay out the page are left out.

class Tables {
  constructor(limits, roles) {
    this.limits = limits;
    this.roles = roles;
    this.room = limits.tablesText;
    this.count = 0;
    this.cutCount = 0;
  }

  items(found) {
    const taken = [];
    for (const {element, at} of found) {
      if (!this.#isData(element)) continue;
      this.count += 1;
      if (taken.length < this.limits.tables && this.room > 0) taken.push({at, ...this.#item(element)});
    }
    return taken;
  }

  #isData(element) {
    if (!isShown(element)) return false;
    if (localName(element) !== "table") return true;
    const role = this.roles.hasTree ? this.roles.role(element) : attribute(element, "role") ?? "table";
    if (role !== "table" && role !== "grid" && role !== "treegrid") return false;
    if (selectIn(element, "table").length > 0) return false;
    return element.rows.length > 1 || (element.rows.length === 1 && selectIn(element, "th").length > 0);
  }

  #item(element) {
    const all = localName(element) === "table" ? [...element.rows] : [...selectIn(element, '[role="row"]')];
    const some = all.slice(0, this.limits.rows + MOST_HEAD_ROWS);
    const rows = (localName(element) === "table" ? nativeRows(some) : ariaRows(some)).filter((row) => row.cells.length > 0);
    const heads = rows.findIndex((row) => !row.isHead);
    const headRows = rows.slice(0, heads < 0 ? 1 : Math.min(heads, MOST_HEAD_ROWS));
    const grid = this.#spread(rows.slice(0, this.limits.rows + headRows.length));
    const headers = joined(grid.cells.slice(0, headRows.length));
    const body = grid.cells.slice(headRows.length);
    const rowCount = all.length - (some.length - rows.length) - headRows.length;
    const isCut = grid.isCut || body.length < rowCount || grid.width > this.limits.columns;
    if (isCut) this.cutCount += 1;
    return {
      caption: this.#caption(element),
      headers,
      rows: body,
      row_count: rowCount,
      column_count: grid.width,
      box: boxOf(element),
      is_cut: isCut,
    };
  }

  #caption(element) {
    const caption = localName(element) === "table" ? firstElementNamed(element, "caption") : null;
    return caption ? textOf(caption, this.limits.name) : this.roles.named(element, this.limits.name);
  }

  // Cells that span columns or rows stand in each of them.
  #spread(rows) {
    const cells = [];
    const hanging = [];
    let width = 0;
    for (const row of rows) {
      const line_ = [];
      let column = 0;
      for (const cell of row.cells) {
        column = this.#hang(hanging, line_, column);
        const text = this.#cell(cell.element);
        const across = Math.min(cell.columns, this.limits.columns + 1);
        for (let i = 0; i < across; i++, column++) {
          line_[column] = text;
          if (cell.rows > 1) hanging[column] = {text, left: cell.rows - 1};
        }
      }
      column = this.#hang(hanging, line_, column);
      width = Math.max(width, column);
      cells.push(Array.from(line_.slice(0, this.limits.columns), (text) => text ?? ""));
      if (this.room <= 0) break;
    }
    const shown = Math.min(width, this.limits.columns);
    for (const row of cells) while (row.length < shown) row.push("");
    return {cells, width, isCut: cells.length < rows.length};
  }

  #hang(hanging, cells, from) {
    let column = from;
    while (hanging[column]?.left > 0) {
      cells[column] = hanging[column].text;
      hanging[column].left -= 1;
      column += 1;
    }
    return column;
  }

  #cell(element) {
    const text = textOf(element, this.limits.cell);
    this.room -= text.length + 4;
    return text;
  }
}

const MOST_HEAD_ROWS = 10;

function nativeRows(rows) {
  return rows.map((row) => {
    const cells = [...row.cells];
    const isHead = localName(parentElement(row)) === "thead" || (cells.length > 0 && cells.every((cell) => localName(cell) === "th"));
    const spans = (cell) => ({element: cell, columns: cell.colSpan || 1, rows: Math.min(cell.rowSpan || 1, 1000)});
    return {cells: cells.map(spans), isHead};
  });
}

function ariaRows(rows) {
  return rows.map((row) => {
    const cells = [...selectIn(row, '[role="cell"], [role="gridcell"], [role="columnheader"], [role="rowheader"]')];
    const isHead = cells.length > 0 && cells.every((cell) => attribute(cell, "role") === "columnheader");
    return {cells: cells.map((element) => ({element, columns: 1, rows: 1})), isHead};
  });
}

// Several rows of headers as one: "Sales 2024", "Sales 2025".
function joined(rows) {
  const width = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({length: width}, (_, i) => [...new Set(rows.map((row) => row[i] ?? ""))].filter(Boolean).join(" "));
}
