// Native form elements for Dash (the Python half is app/kit/components.py). A value is reported through setProps when the person
// has made up their mind: Enter, blur, the spinner's arrows or a pause while sliding.
(function () {
  const { createElement: h, useState, useEffect, useRef } = window.React;

  // The shown text follows the property, except while the person is typing.
  function useDraft(value) {
    const [draft, setDraft] = useState(value);
    useEffect(() => setDraft(value), [value]);
    return [draft === undefined || draft === null ? "" : draft, setDraft];
  }

  // Pattern-matching ids are objects; the element gets their text form, as Dash does.
  const name = (id) => (id && typeof id === "object" ? JSON.stringify(id) : id);

  function Field(props) {
    const { id, type = "number", value, setProps, label, describedby, ...rest } = props;
    const [draft, setDraft] = useDraft(value);
    const typed = useRef(false);
    const report = (text) => {
      typed.current = false;
      let next = text;
      if (type === "number") {
        next = text === "" ? null : Number(text);
        if (next === null || !Number.isFinite(next)) { setDraft(value); return; }
        if (rest.min !== undefined) next = Math.max(next, rest.min);
        if (rest.max !== undefined) next = Math.min(next, rest.max);
        setDraft(next);
      }
      if (next !== value) setProps({ value: next });
    };
    return h("input", {
      id: name(id), "data-control": "", type, value: draft, "aria-label": label, "aria-describedby": describedby, disabled: rest.disabled,
      min: rest.min, max: rest.max, step: rest.step, placeholder: rest.placeholder, title: rest.title,
      className: rest.className, autoComplete: "off", inputMode: type === "number" ? "numeric" : undefined,
      onKeyDown: (event) => {
        if (event.key === "Enter") report(event.target.value);
        typed.current = !["ArrowUp", "ArrowDown"].includes(event.key);
      },
      onPointerDown: () => { typed.current = false; },
      onChange: (event) => {
        setDraft(event.target.value);
        if (type === "number" && !typed.current && event.nativeEvent.inputType === undefined) report(event.target.value);
      },
      onBlur: (event) => report(event.target.value),
    });
  }

  // `log: true` gives half of the slider's length to small values: the value is min * (max / min) ** t, rounded.
  function Range(props) {
    const { id, value, min = 0, max = 1, step = 0.01, every = 120, log = false, setProps, label } = props;
    const [draft, setDraft] = useDraft(value);
    const timer = useRef(null);
    const latest = useRef(null);
    const toTrack = (v) => (log ? Math.log(Math.max(v, min) / min) / Math.log(max / min) : v);
    const fromTrack = (t) => (log ? Math.round(min * Math.pow(max / min, t)) : t);
    const flush = () => { timer.current = null; if (latest.current !== null) setProps({ value: latest.current }); latest.current = null; };
    const input = useRef(null);
    // React's own `onChange` is every movement; the browser's `change` is that the thumb was let go.
    useEffect(() => {
      const element = input.current;
      element.addEventListener("change", settle);
      return () => element.removeEventListener("change", settle);
    });
    const settle = () => { if (timer.current !== null) { clearTimeout(timer.current); flush(); } };
    const change = (event) => {
      const next = fromTrack(Number(event.target.value));
      setDraft(next);
      latest.current = next;
      if (timer.current === null) timer.current = setTimeout(flush, every);
    };
    const track = toTrack(Number(draft) || 0);
    const [low, high] = log ? [0, 1] : [min, max];
    return h("input", {
      id: name(id), "data-control": "", type: "range", min: low, max: high, step: log ? 0.002 : step, value: track, disabled: props.disabled,
      "aria-label": label, "aria-valuetext": String(draft), title: props.title, className: props.className,
      style: { "--fill": `${(100 * (track - low)) / (high - low || 1)}%` },
      ref: input, onChange: change, onBlur: settle,
    });
  }

  function Select(props) {
    const { id, value, options = [], setProps, label } = props;
    return h("select", {
      id: name(id), "data-control": "", value: value === undefined || value === null ? "" : value, "aria-label": label, title: props.title,
      className: props.className, disabled: props.disabled,
      onChange: (event) => {
        const chosen = options.find((option) => String(option.value) === event.target.value);
        if (chosen) setProps({ value: chosen.value });
      },
    }, options.map((option) => h("option", { key: String(option.value), value: option.value }, option.label)));
  }

  function Choice(props) {
    const { id, value, options = [], colors = [], setProps, label } = props;
    const group = name(id);
    return h("div", { id: group, "data-control": "", role: "radiogroup", "aria-label": label, "data-value": value, className: `choice ${props.className || ""}` },
      options.map((option, index) => h("label", { key: String(option.value), title: option.title }, [
        h("input", {
          key: "input", type: "radio", name: group, value: option.value, checked: option.value === value, disabled: props.disabled,
          onChange: () => setProps({ value: option.value }),
        }),
        h("span", { key: "label", className: colors[index] ? "placed" : undefined }, option.label),
        colors[index] && h("i", { key: "color", className: "place", style: { background: colors[index] } }),
      ])));
  }

  // Groups of check boxes. What is chosen is a list in the order of the boxes.
  function Checks(props) {
    const { id, value = [], groups = [], picks = [], setProps, label } = props;
    const all = groups.flatMap((group) => group.options.map((option) => option.value));
    const choose = (chosen) => setProps({ value: all.filter((one) => chosen.includes(one)) });
    return h("div", { id: name(id), "data-control": "", role: "group", "aria-label": label, className: `checks ${props.className || ""}` }, [
      ...groups.map((group) => h("div", { key: group.label, className: "checks-group", role: "group", "aria-label": group.label }, [
        h("span", { key: "name", className: "name", "data-tip": group.tip, tabIndex: group.tip ? 0 : undefined }, [
          group.color && h("i", { key: "color", className: "swatch", style: { background: group.color } }), group.label]),
        ...group.options.map((option) => h("label", { key: option.value, title: option.title }, [
          h("input", {
            key: "input", type: "checkbox", value: option.value, checked: value.includes(option.value), disabled: props.disabled,
            "aria-label": `${group.label} ${option.label}`,
            onChange: (event) => choose(event.target.checked ? [...value, option.value] : value.filter((one) => one !== option.value)),
          }),
          h("span", { key: "label" }, option.label),
        ])),
      ])),
      h("div", { key: "picks", className: "picks" }, picks.map((pick) => h("button", { key: pick.label, type: "button", className: "quiet", onClick: () => choose(pick.value) }, pick.label))),
    ]);
  }

  // Rows without numbers (computing, failed) stay below the sorted ones, in their own order.
  function SortTable(props) {
    const { id, columns = [], rows = [], sort = "", empty, setProps, label } = props;
    const falling = sort.startsWith("-");
    const by = falling ? sort.slice(1) : sort;
    const valueOf = (row) => { const cell = row.cells[by]; return cell && cell.value !== undefined ? cell.value : null; };
    const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
    const done = rows.filter((row) => row.state === "done");
    if (by) {
      done.sort((one, other) => {
        const [a, b] = [valueOf(one), valueOf(other)];
        if (a === null || b === null) return (a === null) - (b === null);
        return falling ? compare(b, a) : compare(a, b);
      });
    }
    const shown = [...done, ...rows.filter((row) => row.state !== "done")];
    const most = {};
    columns.filter((column) => column.bar).forEach(({ key }) => { most[key] = Math.max(...done.map((row) => Math.abs((row.cells[key] || {}).value || 0))); });

    const spans = columns.reduce((found, { group }) => {
      const last = found[found.length - 1];
      if (last && last.group === group && group) last.span += 1; else found.push({ group, span: 1 });
      return found;
    }, []);
    const edge = (place) => (columns[place].group !== (columns[place - 1] || {}).group || !columns[place].group ? "edge" : undefined);
    const order = (key) => (key !== by ? "none" : falling ? "descending" : "ascending");
    const head = (column, place) => h("th", { key: column.key, scope: "col", "aria-sort": order(column.key), className: edge(place) },
      h("button", {
        type: "button", "data-tip": column.tip, "data-column": column.key,
        onClick: () => setProps({ sort: column.key === by ? (falling ? "" : "-") + by : (column.falling ? "-" : "") + column.key }),
      }, [column.label, h("span", { key: "arrow", className: "arrow", "aria-hidden": true }, column.key === by ? (falling ? " ↓" : " ↑") : "")]));

    const cellOf = (row, column, place) => {
      const cell = row.cells[column.key] || { value: null, text: "–" };
      const share = most[column.key] ? Math.abs(cell.value || 0) / most[column.key] : 0;
      return h("td", {
        key: column.key, "data-column": column.key, "data-value": cell.value === null ? "" : cell.value, "data-tip": cell.tip,
        className: [cell.tone, edge(place)].filter(Boolean).join(" "),
      }, column.bar && share > 0 ? [h("i", { key: "bar", className: "bar-in-cell", style: { width: `${(100 * share).toFixed(1)}%` } }), h("span", { key: "text" }, cell.text)] : cell.text);
    };
    const rowOf = (row) => {
      const first = row.cells[columns[0].key];
      return h("tr", {
        key: row.key, "data-key": row.key, "data-state": row.state,
        onClick: (event) => { if (row.href && !event.target.closest("a, button") && !String(window.getSelection())) window.location.assign(row.href); },
      }, [
        h("th", { key: "first", scope: "row" }, h("a", { href: row.href }, [first.text, first.note && h("span", { key: "note", className: "quiet" }, ` ${first.note}`)])),
        ...(row.state === "done"
          ? columns.slice(1).map((column, place) => cellOf(row, column, place + 1))
          : [h("td", { key: "reason", colSpan: columns.length - 1, className: `reason ${row.state}` }, row.reason || "computing …")]),
      ]);
    };
    return h("div", { id: name(id), className: `sort-table ${props.className || ""}`, "data-sort": sort }, shown.length === 0
      ? h("p", { className: "lead" }, empty)
      : h("table", { "aria-label": label }, [
        h("thead", { key: "head" }, [
          h("tr", { key: "groups", className: "groups" }, spans.map(({ group, span }, place) => h("th", { key: place, colSpan: span, scope: group ? "colgroup" : undefined, className: "edge" }, group))),
          h("tr", { key: "columns" }, columns.map(head)),
        ]),
        h("tbody", { key: "body" }, shown.map(rowOf)),
      ]));
  }

  // An element is [tag, attributes, ...children]; React keeps what stays, so that a bar glides to its new place.
  const element = (node) => (Array.isArray(node) ? h(node[0], node[1], ...node.slice(2).map(element)) : node);
  function Plain({ id, className, content = [], value }) {
    return h("div", { id: name(id), className, "data-value": value }, ...content.map(element));
  }

  window.shatterscope = Object.assign(window.shatterscope || {}, { Field, Range, Select, Choice, Checks, SortTable, Plain });
})();
