// Downloads of a figure card (the Python half is app/kit/figure_card.py): PNG, SVG, and CSV of exactly the points drawn. Tables
// use `saveCsv` as well.
(function () {
  const text = (card, name) => { const found = card.querySelector(name); return found ? found.textContent.trim() : ""; };
  const fileName = (title) => (title || "figure").normalize("NFKD").replace(/[^\w.=+-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 90).toLowerCase() || "figure";

  function save(name, content, type) {
    const link = document.createElement("a");
    link.href = typeof content === "string" && content.startsWith("data:") ? content : URL.createObjectURL(new Blob([content], { type }));
    link.download = name;
    document.body.appendChild(link);
    link.click();
    link.remove();
    if (link.href.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  const quoted = (value) => {
    const shown = value === null || value === undefined || (typeof value === "number" && !Number.isFinite(value)) ? "" : String(value);
    return /[",\n]/.test(shown) ? `"${shown.replaceAll('"', '""')}"` : shown;
  };
  const toCsv = (columns, rows) => [columns, ...rows].map((row) => row.map(quoted).join(",")).join("\n") + "\n";

  // One row a point, whatever the mixture of traces: the columns of all traces in the order in which they appear.
  function pointsOf(gd) {
    const columns = ["series"];
    const rows = [];
    const title = (axis) => { const found = axis && axis.title && axis.title.text; return found ? found.replace(/<[^>]*>/g, "") : ""; };
    const layout = gd._fullLayout;
    for (const trace of gd._fullData) {
      const meta = trace.meta || {};
      if (meta.csv === false || trace.visible === false || trace.visible === "legendonly") continue;
      const names = meta.columns || {};
      const axis = { x: layout[(trace.xaxis || "x").replace(/^x/, "xaxis")], y: layout[(trace.yaxis || "y").replace(/^y/, "yaxis")] };
      const solid = layout[trace.scene || "scene"] || {};
      const parts = [];
      for (const key of ["x", "y", "z"]) {
        if (!trace[key] || typeof trace[key] === "string") continue;
        const name = names[key] || title(trace.type === "scatter3d" ? solid[`${key}axis`] : axis[key]) || key;
        parts.push([name, trace[key]]);
        const error = trace[`error_${key}`];
        if (error && error.visible && error.array) parts.push([`${name} ±`, error.array]);
      }
      if (names.text && trace.text) parts.push([names.text, trace.text]);
      if (names.color && trace.marker && trace.marker.color) parts.push([names.color, trace.marker.color]);
      (names.customdata || []).forEach((name, place) => {
        if (trace.customdata) parts.push([name, Array.from(trace.customdata, (item) => (item && item.length !== undefined && typeof item !== "string" ? item[place] : item))]);
      });
      const count = Math.max(0, ...parts.map(([, values]) => values.length));
      const places = parts.map(([name]) => { if (!columns.includes(name)) columns.push(name); return columns.indexOf(name); });
      for (let i = 0; i < count; i += 1) {
        const row = [trace.name || ""];
        parts.forEach(([, values], k) => { row[places[k]] = values[i]; });
        rows.push(row);
      }
    }
    return [columns, rows.map((row) => Array.from(columns, (_, place) => row[place]))];
  }

  // The style sheet colours the page's figures, and a picture has no style sheet: colours, title and what it was computed over are
  // written into a copy.
  async function picture(gd, title, over, format) {
    const style = getComputedStyle(gd);
    const value = (name) => { const probe = document.createElement("i"); probe.style.color = `var(${name})`; gd.appendChild(probe); const found = getComputedStyle(probe).color; probe.remove(); return found; };
    const [ink, soft, line, surface] = ["--ink", "--soft", "--line", "--surface"].map(value);
    const copy = JSON.parse(JSON.stringify({ data: gd.data, layout: gd.layout }));
    const { width, height, margin } = gd._fullLayout;
    const room = 26 + (over ? 16 : 0);
    const layout = copy.layout;
    Object.assign(layout, { paper_bgcolor: surface, plot_bgcolor: surface, width, height: height + room, autosize: false });
    layout.margin = { ...margin, t: margin.t + room };
    layout.font = { ...layout.font, family: style.fontFamily, color: soft };
    layout.title = { text: title + (over ? `<br><span style="font-size:11px;color:${soft}">${over}</span>` : ""), x: 0, xref: "paper", xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { t: 20 }, font: { size: 14, color: ink } };
    for (const key of Object.keys(layout)) if (/^[xy]axis/.test(key)) layout[key].gridcolor = line;
    (layout.annotations || []).forEach((note) => { note.font = { color: ink, ...note.font, family: style.fontFamily }; });
    const size = { width, height: height + room };
    const drawn = layout.scene ? scenePicture(gd, [title, over], [ink, soft, surface]) : await window.Plotly.toImage(copy, { format: "svg", ...size, imageDataOnly: true });
    const svg = await withFont(drawn);
    return format === "svg" ? asUrl(svg) : pixels(svg, sizeOf(svg), 2);
  }

  const sizeOf = (svg) => { const [, width, height] = /<svg[^>]* width="([0-9.]+)" height="([0-9.]+)"/.exec(svg); return { width: Number(width), height: Number(height) }; };

  // A scene as it is on screen, from its own canvas: names stand where they stand there.
  function scenePicture(gd, [title, over], [ink, soft, surface]) {
    const { width, height } = gd._fullLayout;
    const family = getComputedStyle(gd).fontFamily.replaceAll('"', "'");
    const pen = document.createElement("canvas").getContext("2d");
    const lines = [];
    const write = (text, size, weight, color) => {
      pen.font = `${weight} ${size}px ${family}`;
      const broken = text.split(" ").reduce((found, word) => {
        const longer = found.length ? `${found[found.length - 1]} ${word}` : word;
        return found.length && pen.measureText(longer).width <= width - 16 ? [...found.slice(0, -1), longer] : [...found, word];
      }, []);
      broken.forEach((line) => lines.push({ line, size, weight, color }));
    };
    write(title, 14, 650, ink);
    if (over) write(over, 11, 400, soft);
    const room = 10 + lines.reduce((sum, { size }) => sum + size + 5, 0);
    let y = 4;
    const head = lines.map(({ line, size, weight, color }) => { y += size + 5; return `<text x="8" y="${y}" font-size="${size}" font-weight="${weight}" fill="${color}">${escaped(line)}</text>`; });
    const names = [...gd.querySelectorAll(".infolayer > .annotation-scene")].map((name) => new XMLSerializer().serializeToString(plain(name)));
    const source = window.shatterscope.scene.pixels(gd);
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height + room}" viewBox="0 0 ${width} ${height + room}" font-family="${family}">`
      + `<rect width="100%" height="100%" fill="${surface}"/>${head.join("")}<g transform="translate(0,${room})">`
      + `<image href="${source}" width="${width}" height="${height}"/>${names.join("")}</g></svg>`;
  }
  const escaped = (text) => text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

  // A copy of an SVG element that looks the same without the style sheet.
  function plain(element) {
    const copy = element.cloneNode(true);
    const pairs = [[element, copy], ...[...element.querySelectorAll("*")].map((each, place) => [each, copy.querySelectorAll("*")[place]])];
    for (const [from, to] of pairs) {
      const style = getComputedStyle(from);
      for (const name of ["fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "font-size", "font-weight"]) to.style.setProperty(name, style.getPropertyValue(name));
      to.style.removeProperty("font-family");
    }
    return copy;
  }

  // The page's font goes along: who opens the picture need not have it, and a drawing on its way to pixels sees no page.
  const asUrl = (svg) => `data:image/svg+xml,${encodeURIComponent(svg)}`;
  let font = null;
  async function withFont(svg) {
    font = font || fetch("/assets/fonts/inter-latin-wght-normal.woff2").then((answer) => answer.blob()).then((blob) => new Promise((done) => {
      const reader = new FileReader();
      reader.onload = () => done(`data:font/woff2;base64,${reader.result.split(",")[1]}`);
      reader.readAsDataURL(blob);
    }));
    const face = `<style>@font-face{font-family:Inter;font-weight:100 900;src:url(${await font}) format("woff2")}</style>`;
    return svg.replace(/<svg[^>]*>/, (opening) => opening + face);
  }

  async function pixels(svg, { width, height }, scale) {
    const image = new Image(width, height);
    image.src = asUrl(svg);
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: width * scale, height: height * scale });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/png");
  }

  // A figure that is no card, such as a scene, under a title of its own; returns the file's name.
  async function savePicture(gd, title, format) {
    const scene = gd.closest(".scene");
    const over = scene ? text(scene, ".scene-caption .quiet") : "";
    const name = `${fileName(`${title} ${over.split(" · ")[0]} ${over.split(" · ")[1] || ""}`)}.${format}`;
    save(name, await picture(gd, title, over, format), "");
    return name;
  }

  const saveCsv = (title, columns, rows) => save(`${fileName(title)}.csv`, toCsv(columns, rows), "text/csv");

  async function download(button) {
    const card = button.closest(".figure-card");
    const gd = card && card.querySelector(".js-plotly-plot");
    if (!gd || !gd._fullData) return;
    const name = fileName(text(card, ".figure-title"));
    const kind = button.dataset.download;
    if (kind === "csv") save(`${name}.csv`, toCsv(...pointsOf(gd)), "text/csv");
    else save(`${name}.${kind}`, await picture(gd, text(card, ".figure-title"), text(card, ".figure-over"), kind), "");
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-download]");
    if (button) download(button);
  });
  window.shatterscope = Object.assign(window.shatterscope || {}, { saveCsv, pointsOf, save, savePicture });
})();
