import { textOf } from "../kit/dash.js";
import { h } from "./base.js";

/** @param {import("./base.js").Props} props */
export function Switch(props) {
  const { id, value = false, setProps, label } = props;
  return h("label", { className: `switch ${props.className || ""}`, title: props.title }, [
    h("input", {
      key: "input", id: textOf(id), "data-control": "", type: "checkbox", role: "switch", checked: Boolean(value), disabled: props.disabled,
      onChange: (/** @type {any} */ event) => setProps({ value: event.target.checked }),
    }),
    h("span", { key: "label" }, label),
  ]);
}
