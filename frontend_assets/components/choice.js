import { textOf } from "../kit/dash.js";
import { h } from "./base.js";

/** @param {import("./base.js").Props & { options?: import("./base.js").Option[], colors?: string[] }} props */
export function Choice(props) {
  const { id, value, options = [], colors = [], setProps, label } = props;
  const group = textOf(id);
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
