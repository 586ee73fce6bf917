// Files that are made in the browser.

/** @param {string} title */
export const fileName = (title) => (title || "figure").normalize("NFKD").replace(/[^\w.=+-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 90).toLowerCase() || "figure";

/**
 * @param {string} name
 * @param {string | Blob} content or a `data:` address of it
 * @param {string} type
 */
export function save(name, content, type = "") {
  const link = document.createElement("a");
  link.href = typeof content === "string" && content.startsWith("data:") ? content : URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  document.body.appendChild(link);
  link.click();
  link.remove();
  if (link.href.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** @param {unknown} value */
function quoted(value) {
  const shown = value === null || value === undefined || (typeof value === "number" && !Number.isFinite(value)) ? "" : String(value);
  return /[",\n]/.test(shown) ? `"${shown.replaceAll('"', '""')}"` : shown;
}

/**
 * @param {string} title
 * @param {string[]} columns
 * @param {unknown[][]} rows
 */
export function saveCsv(title, columns, rows) {
  const text = [columns, ...rows].map((row) => row.map(quoted).join(",")).join("\n");
  save(`${fileName(title)}.csv`, `${text}\n`, "text/csv");
}
