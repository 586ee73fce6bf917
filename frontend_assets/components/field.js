import { React, textOf } from "../kit/dash.js";
import { h, useDraft, useRef } from "./base.js";

/**
 * @typedef {import("./base.js").Props & { type?: string, describedby?: string, min?: number, max?: number, step?: number, placeholder?: string,
 *   options?: string[] }} FieldProps
 */

/** @param {FieldProps} props */
export function Field(props) {
  const { id, type = "number", value, setProps, label, describedby, options, ...rest } = props;
  const [draft, setDraft] = useDraft(value);
  const typed = useRef(false);
  /** @param {string} text */
  const report = (text) => {
    typed.current = false;
    /** @type {string | number | null} */
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
  const list = options && `${textOf(id)}-names`;
  const input = h("input", {
    id: textOf(id), key: "input", list, "data-control": "", type, value: draft, "aria-label": label, "aria-describedby": describedby, disabled: rest.disabled,
    min: rest.min, max: rest.max, step: rest.step, placeholder: rest.placeholder, title: rest.title,
    className: rest.className, autoComplete: "off", inputMode: type === "number" ? "numeric" : undefined,
    onKeyDown: (/** @type {any} */ event) => {
      if (event.key === "Enter") report(event.target.value);
      typed.current = !["ArrowUp", "ArrowDown"].includes(event.key);
    },
    onPointerDown: () => { typed.current = false; },
    onChange: (/** @type {any} */ event) => {
      setDraft(event.target.value);
      if (type === "number" && !typed.current && event.nativeEvent.inputType === undefined) report(event.target.value);
      // Chosen from the list, not typed.
      if (options?.includes(event.target.value) && event.nativeEvent.inputType !== "insertText") report(event.target.value);
    },
    onBlur: (/** @type {any} */ event) => report(event.target.value),
  });
  return list ? h(React.Fragment, null, [input, h("datalist", { key: "names", id: list }, options.map((name) => h("option", { key: name, value: name })))]) : input;
}
