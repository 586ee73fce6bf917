// Native form elements for Dash (the Python half is app/components.py). A value is reported through setProps when the person
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
      id: name(id), type, value: draft, "aria-label": label, "aria-describedby": describedby, disabled: rest.disabled,
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
    const change = (event) => {
      const next = fromTrack(Number(event.target.value));
      setDraft(next);
      latest.current = next;
      if (timer.current === null) timer.current = setTimeout(flush, every);
    };
    const track = toTrack(Number(draft) || 0);
    const [low, high] = log ? [0, 1] : [min, max];
    return h("input", {
      id: name(id), type: "range", min: low, max: high, step: log ? 0.002 : step, value: track, disabled: props.disabled,
      "aria-label": label, "aria-valuetext": String(draft), title: props.title, className: props.className,
      style: { "--fill": `${(100 * (track - low)) / (high - low || 1)}%` },
      onChange: change, onBlur: () => { if (timer.current !== null) { clearTimeout(timer.current); flush(); } },
    });
  }

  function Select(props) {
    const { id, value, options = [], setProps, label } = props;
    return h("select", {
      id: name(id), value: value === undefined || value === null ? "" : value, "aria-label": label, title: props.title,
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
    return h("div", { id: group, role: "radiogroup", "aria-label": label, "data-value": value, className: `choice ${props.className || ""}` },
      options.map((option, index) => h("label", { key: String(option.value), title: option.title }, [
        h("input", {
          key: "input", type: "radio", name: group, value: option.value, checked: option.value === value, disabled: props.disabled,
          onChange: () => setProps({ value: option.value }),
        }),
        h("span", { key: "label" }, option.label),
        colors[index] && h("i", { key: "color", className: "place", style: { background: colors[index] } }),
      ])));
  }

  window.shatterscope = Object.assign(window.shatterscope || {}, { Field, Range, Select, Choice });
})();
