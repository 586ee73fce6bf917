import { textOf } from "../kit/dash.js";
import { h } from "./base.js";

/** @typedef {{ label: string, tip?: string, color?: string, options: import("./base.js").Option[] }} Group */

/**
 * Groups of check boxes. What is chosen is a list in the order of the boxes.
 * @param {import("./base.js").Props & { groups?: Group[], picks?: { label: string, value: string[] }[] }} props
 */
export function Checks(props) {
  const { id, value = [], groups = [], picks = [], setProps, label } = props;
  const all = groups.flatMap((group) => group.options.map((option) => option.value));
  /** @param {string[]} chosen */
  const choose = (chosen) => setProps({ value: all.filter((one) => chosen.includes(one)) });
  return h("div", { id: textOf(id), "data-control": "", role: "group", "aria-label": label, className: `checks ${props.className || ""}` }, [
    ...groups.map((group) => h("div", { key: group.label, className: "checks-group", role: "group", "aria-label": group.label }, [
      h("span", { key: "name", className: "name", "data-tip": group.tip, tabIndex: group.tip ? 0 : undefined }, [
        group.color && h("i", { key: "color", className: "swatch", style: { background: group.color } }), group.label]),
      ...group.options.map((option) => h("label", { key: option.value, title: option.title }, [
        h("input", {
          key: "input", type: "checkbox", value: option.value, checked: value.includes(option.value), disabled: props.disabled,
          "aria-label": `${group.label} ${option.label}`,
          onChange: (/** @type {any} */ event) => choose(event.target.checked ? [...value, option.value] : value.filter((/** @type {string} */ one) => one !== option.value)),
        }),
        h("span", { key: "label" }, option.label),
      ])),
    ])),
    h("div", { key: "picks", className: "picks" }, picks.map((pick) => h("button", { key: pick.label, type: "button", className: "quiet", onClick: () => choose(pick.value) }, pick.label))),
  ]);
}
