import { textOf } from "../kit/dash.js";
import { h } from "./base.js";

/**
 * @typedef {{ value?: any, text: string, tip?: string, tone?: string, note?: string }} Cell
 * @typedef {{ key: string, state: string, cells: Record<string, Cell>, href?: string, reason?: string }} Row
 * @typedef {{ key: string, label: string, tip?: string, group?: string, falling?: boolean, bar?: boolean }} Column
 */

/**
 * Rows without numbers (computing, failed) stay below the sorted ones, in their own order.
 * @param {import("./base.js").Props & { columns?: Column[], rows?: Row[], sort?: string, empty?: string }} props
 */
export function SortTable(props) {
  const { id, columns = [], rows = [], sort = "", empty, setProps, label } = props;
  const falling = sort.startsWith("-");
  const by = falling ? sort.slice(1) : sort;
  /** @param {Row} row */
  const valueOf = (row) => { const cell = row.cells[by]; return cell && cell.value !== undefined ? cell.value : null; };
  /**
   * @param {any} a
   * @param {any} b
   */
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
  const done = rows.filter((row) => row.state === "done");
  if (by) {
    done.sort((one, other) => {
      const [a, b] = [valueOf(one), valueOf(other)];
      if (a === null || b === null) return Number(a === null) - Number(b === null);
      return falling ? compare(b, a) : compare(a, b);
    });
  }
  const shown = [...done, ...rows.filter((row) => row.state !== "done")];
  /** @type {Record<string, number>} */
  const most = {}; // of the bars
  columns.filter((column) => column.bar).forEach(({ key }) => { most[key] = Math.max(...done.map((row) => Math.abs(row.cells[key]?.value || 0))); });

  /** @type {{ group?: string, span: number }[]} */
  const spans = [];
  for (const { group } of columns) {
    const before = spans.at(-1);
    if (before && before.group === group && group) before.span += 1; else spans.push({ group, span: 1 });
  }
  /** @param {number} place */
  const edge = (place) => (columns[place].group !== columns[place - 1]?.group || !columns[place].group ? "edge" : undefined);
  /** @param {string} key */
  const order = (key) => (key !== by ? "none" : falling ? "descending" : "ascending");
  /**
   * @param {Column} column
   * @param {number} place
   */
  const head = (column, place) => h("th", { key: column.key, scope: "col", "aria-sort": order(column.key), className: edge(place) },
    h("button", {
      type: "button", "data-tip": column.tip, "data-column": column.key,
      onClick: () => setProps({ sort: column.key === by ? (falling ? "" : "-") + by : (column.falling ? "-" : "") + column.key }),
    }, [column.label, h("span", { key: "arrow", className: "arrow", "aria-hidden": true }, column.key === by ? (falling ? " ↓" : " ↑") : "")]));

  /**
   * @param {Row} row
   * @param {Column} column
   * @param {number} place
   */
  const cellOf = (row, column, place) => {
    const cell = row.cells[column.key] || { value: null, text: "–" };
    const share = most[column.key] ? Math.abs(cell.value || 0) / most[column.key] : 0;
    return h("td", {
      key: column.key, "data-column": column.key, "data-value": cell.value === null ? "" : cell.value, "data-tip": cell.tip,
      className: [cell.tone, edge(place)].filter(Boolean).join(" "),
    }, cell.note ? [cell.text, h("small", { key: "note" }, cell.note)] : column.bar && share > 0 ? [h("i", { key: "bar", className: "bar-in-cell", style: { width: `${(100 * share).toFixed(1)}%` } }), h("span", { key: "text" }, cell.text)] : cell.text);
  };
  /** @param {Row} row */
  const rowOf = (row) => {
    const first = row.cells[columns[0].key];
    return h("tr", {
      key: row.key, "data-key": row.key, "data-state": row.state,
      onClick: (/** @type {any} */ event) => { if (row.href && !event.target.closest("a, button") && !String(window.getSelection())) window.location.assign(row.href); },
    }, [
      h("th", { key: "first", scope: "row" }, h(row.href ? "a" : "span", { href: row.href || undefined }, [first.text, first.note && h("span", { key: "note", className: "quiet" }, ` ${first.note}`)])),
      ...(row.state === "done"
        ? columns.slice(1).map((column, place) => cellOf(row, column, place + 1))
        : [h("td", { key: "reason", colSpan: columns.length - 1, className: `reason ${row.state}` }, row.reason || "computing …")]),
    ]);
  };
  return h("div", { id: textOf(id), className: `sort-table ${props.className || ""}`, "data-sort": sort }, shown.length === 0
    ? h("p", { className: "lead" }, empty)
    : h("table", { "aria-label": label }, [
      h("thead", { key: "head" }, [
        h("tr", { key: "groups", className: "groups" }, spans.map(({ group, span }, place) => h("th", { key: place, colSpan: span, scope: group ? "colgroup" : undefined, className: "edge" }, group))),
        h("tr", { key: "columns" }, columns.map(head)),
      ]),
      h("tbody", { key: "body" }, shown.map(rowOf)),
    ]));
}
