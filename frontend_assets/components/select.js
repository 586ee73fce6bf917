import { textOf } from "../kit/dash.js";
import { h } from "./base.js";

/** @param {import("./base.js").Props & { options?: import("./base.js").Option[] }} props */
export function Select(props) {
  const { id, value, options = [], setProps, label } = props;
  return h("select", {
    id: textOf(id), "data-control": "", value: value === undefined || value === null ? "" : value, "aria-label": label, title: props.title,
    className: props.className, disabled: props.disabled,
    onChange: (/** @type {any} */ event) => {
      const chosen = options.find((option) => String(option.value) === event.target.value);
      if (chosen) setProps({ value: chosen.value });
    },
  }, grouped(options));
}

/** @param {import("./base.js").Option[]} options */
function grouped(options) {
  const item = (/** @type {import("./base.js").Option} */ option) => h("option", { key: String(option.value), value: option.value }, option.label);
  const groups = [...new Set(options.map((option) => option.group))];
  if (groups.length < 2) return options.map(item);
  return groups.map((group) => h("optgroup", { key: String(group), label: group }, options.filter((option) => option.group === group).map(item)));
}
