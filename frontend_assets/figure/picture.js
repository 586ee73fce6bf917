// A figure as a picture. The style sheet colours the page's figures, and a picture has no style sheet: colours, title and what it was computed
// over are written into a copy.
import { every } from "../kit/dom.js";
import { layersOf, layoutOf, pixels, plotly } from "../kit/plotly.js";
import { fileName, save } from "../kit/save.js";

/** @typedef {import("../kit/plotly.js").Plot} Plot */

/**
 * @param {Plot} gd
 * @param {string} title
 * @param {string} over what it was computed over
 * @param {string} format png or svg
 * @returns {Promise<string>} a `data:` address
 */
export async function picture(gd, title, over, format) {
  const style = getComputedStyle(gd);
  /** @param {string} name */
  const value = (name) => { const probe = document.createElement("i"); probe.style.color = `var(${name})`; gd.appendChild(probe); const found = getComputedStyle(probe).color; probe.remove(); return found; };
  const [ink, soft, line, surface] = ["--ink", "--soft", "--line", "--surface"].map(value);
  const copy = JSON.parse(JSON.stringify({ data: gd.data, layout: gd.layout }));
  const { width, height, margin } = layoutOf(gd);
  const room = 26 + (over ? 16 : 0);
  const layout = copy.layout;
  Object.assign(layout, { paper_bgcolor: surface, plot_bgcolor: surface, width, height: height + room, autosize: false });
  layout.margin = { ...margin, t: margin.t + room };
  layout.font = { ...layout.font, family: style.fontFamily, color: soft };
  layout.title = { text: title + (over ? `<br><span style="font-size:11px;color:${soft}">${over}</span>` : ""), x: 0, xref: "paper", xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { t: 20 }, font: { size: 14, color: ink } };
  for (const key of Object.keys(layout)) if (/^[xy]axis/.test(key)) layout[key].gridcolor = line;
  (layout.annotations || []).forEach((/** @type {any} */ note) => { note.font = { color: ink, ...note.font, family: style.fontFamily }; });
  const size = { width, height: height + room };
  const drawn = layout.scene ? scenePicture(gd, [title, over], [ink, soft, surface]) : await plotly().toImage(copy, { format: "svg", ...size, imageDataOnly: true });
  const svg = await withFont(drawn);
  return format === "svg" ? asUrl(svg) : toPixels(svg, sizeOf(svg), 2);
}

/** @param {string} svg */
function sizeOf(svg) {
  const [, width, height] = /<svg[^>]* width="([0-9.]+)" height="([0-9.]+)"/.exec(svg) ?? [];
  return { width: Number(width), height: Number(height) };
}

/**
 * A scene as it is on screen, from its own canvas: names stand where they stand there.
 * @param {Plot} gd
 * @param {[string, string]} words title, and what it was computed over
 * @param {string[]} colors
 */
function scenePicture(gd, [title, over], [ink, soft, surface]) {
  const { width, height } = layoutOf(gd);
  const family = getComputedStyle(gd).fontFamily.replaceAll('"', "'");
  const pen = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  /** @type {{ line: string, size: number, weight: number, color: string }[]} */
  const lines = [];
  /**
   * @param {string} text
   * @param {number} size
   * @param {number} weight
   * @param {string} color
   */
  const write = (text, size, weight, color) => {
    pen.font = `${weight} ${size}px ${family}`;
    /** @type {string[]} */
    const broken = [];
    for (const word of text.split(" ")) {
      const longer = `${broken.at(-1)} ${word}`;
      if (broken.length && pen.measureText(longer).width <= width - 16) broken[broken.length - 1] = longer; else broken.push(word);
    }
    broken.forEach((line) => lines.push({ line, size, weight, color }));
  };
  write(title, 14, 650, ink);
  if (over) write(over, 11, 400, soft);
  const room = 10 + lines.reduce((sum, { size }) => sum + size + 5, 0);
  let y = 4;
  const head = lines.map(({ line, size, weight, color }) => { y += size + 5; return `<text x="8" y="${y}" font-size="${size}" font-weight="${weight}" fill="${color}">${escaped(line)}</text>`; });
  const names = layersOf(gd).names.map((name) => new XMLSerializer().serializeToString(plain(name)));
  const source = pixels(gd);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height + room}" viewBox="0 0 ${width} ${height + room}" font-family="${family}">`
    + `<rect width="100%" height="100%" fill="${surface}"/>${head.join("")}<g transform="translate(0,${room})">`
    + `<image href="${source}" width="${width}" height="${height}"/>${names.join("")}</g></svg>`;
}
/** @param {string} text */
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/**
 * A copy of an SVG element that looks the same without the style sheet.
 * @param {HTMLElement} element
 */
function plain(element) {
  const copy = /** @type {HTMLElement} */ (element.cloneNode(true));
  const parts = every("*", copy);
  const pairs = [[element, copy], ...every("*", element).map((each, place) => [each, parts[place]])];
  for (const [from, to] of pairs) {
    const style = getComputedStyle(from);
    for (const name of ["fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "font-size", "font-weight"]) to.style.setProperty(name, style.getPropertyValue(name));
    to.style.removeProperty("font-family");
  }
  return copy;
}

// The page's font goes along: who opens the picture need not have it, and a drawing on its way to pixels sees no page.
/** @param {string} svg */
const asUrl = (svg) => `data:image/svg+xml,${encodeURIComponent(svg)}`;
/** @type {Promise<string> | null} */
let font = null;
/** @param {string} svg */
async function withFont(svg) {
  font = font || fetch("/assets/fonts/inter-latin-wght-normal.woff2").then((answer) => answer.blob()).then((blob) => new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(`data:font/woff2;base64,${String(reader.result).split(",")[1]}`);
    reader.readAsDataURL(blob);
  }));
  const face = `<style>@font-face{font-family:Inter;font-weight:100 900;src:url(${await font}) format("woff2")}</style>`;
  return svg.replace(/<svg[^>]*>/, (opening) => opening + face);
}

/**
 * @param {string} svg
 * @param {{ width: number, height: number }} size
 * @param {number} scale
 */
async function toPixels(svg, { width, height }, scale) {
  const image = new Image(width, height);
  image.src = asUrl(svg);
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: width * scale, height: height * scale });
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/png");
}

/**
 * Saves a figure that is no card, such as a scene, under a title of its own.
 * @param {Plot} gd
 * @param {string} title
 * @param {string} format png or svg
 * @returns {Promise<string>} the file's name
 */
export async function savePicture(gd, title, format) {
  const over = gd.closest(".scene")?.querySelector(".scene-caption .quiet")?.textContent?.trim() ?? "";
  const name = `${fileName(`${title} ${over.split(" · ")[0]} ${over.split(" · ")[1] || ""}`)}.${format}`;
  save(name, await picture(gd, title, over, format));
  return name;
}
