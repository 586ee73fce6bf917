import { textOf } from "../kit/dash.js";
import { h } from "./base.js";

/**
 * @typedef {import("./base.js").Option} Option
 * @typedef {{ label: string, tip?: string, color?: string, options: Option[], through: Option[] }} Item
 * @typedef {{ label: string, items: Item[] }} Group
 */

/**
 * Groups of check boxes, a chip for each item. The first option is the item itself and bears its name. What an item may further go `through` is chosen below
 * for all items that are chosen; then it stands on their chips, where each can be left out. What is chosen is a list in the order of the boxes.
 * @param {import("./base.js").Props & { groups?: Group[], through?: string, picks?: { label: string, value: string[] }[] }} props
 */
export function Checks(props) {
  const { id, value = [], groups = [], picks = [], setProps, label } = props;
  const items = groups.flatMap((group) => group.items);
  const all = items.flatMap((item) => [...item.options, ...item.through]).map((option) => option.value);
  /** @param {string[]} chosen */
  const choose = (chosen) => setProps({ value: all.filter((one) => chosen.includes(one)) });
  /** @param {Option} option */
  const isChosen = (option) => value.includes(option.value);
  const chosen = items.filter((item) => [...item.options, ...item.through].some(isChosen));
  const further = [...new Map(items.flatMap((item) => item.through).map((option) => [option.label, option])).values()].map((option) => {
    const of = chosen.flatMap((item) => item.through).filter((one) => one.label === option.label), on = of.filter(isChosen);
    return { ...option, of: of.map((one) => one.value), on: on.length, every: on.length > 0 && on.length === of.length };
  });
  const used = further.filter((one) => one.on).map((one) => one.label);

  /**
   * @param {Item} item
   * @param {Option} option
   * @param {string} name
   * @param {string | undefined} tip
   */
  const box = (item, option, name, tip) => h("label", { key: option.value, title: tip ? undefined : option.title }, [
    h("input", {
      key: "input", type: "checkbox", value: option.value, checked: isChosen(option), disabled: props.disabled,
      "aria-label": `${item.label} ${option.label}`, "data-tip": tip,
      onChange: (/** @type {any} */ event) => choose(event.target.checked ? [...value, option.value] : value.filter((/** @type {string} */ one) => one !== option.value)),
    }),
    h("span", { key: "label" }, [item.color && name === item.label && h("i", { key: "color", className: "swatch", style: { background: item.color } }), name]),
  ]);
  return h("div", { id: textOf(id), "data-control": "", role: "group", "aria-label": label, className: `checks ${props.className || ""}` }, [
    ...groups.map((group) => h("div", { key: group.label, className: "checks-group", role: "group", "aria-label": group.label }, [
      h("span", { key: "name", className: "name" }, group.label),
      h("div", { key: "items", className: "chips" }, group.items.map((item) => h("span", { key: item.label, className: "checks-item" }, [
        ...item.options.map((option, index) => (index ? box(item, option, option.label, undefined) : box(item, option, item.label, [item.tip, `${option.label}: ${option.title}`].filter(Boolean).join(" ")))),
        ...(chosen.includes(item) ? item.through : []).filter((option) => used.includes(option.label)).map((option) => box(item, option, option.label, undefined)),
      ]))),
    ])),
    further.length > 0 && h("div", { key: "through", className: "checks-group", role: "group", "aria-label": props.through }, [
      h("span", { key: "name", className: "name" }, props.through),
      h("div", { key: "items", className: "chips" }, further.map((one) => h("span", { key: one.label, className: "checks-item" }, h("label", { title: one.title }, [
        h("input", {
          key: "input", type: "checkbox", value: one.label, checked: one.every, disabled: props.disabled || !one.of.length, "aria-label": `${one.label} for all chosen`,
          ref: (/** @type {HTMLInputElement | null} */ input) => { if (input) input.indeterminate = one.on > 0 && !one.every; },
          onChange: () => choose(one.every ? value.filter((/** @type {string} */ each) => !one.of.includes(each)) : [...value, ...one.of]),
        }),
        h("span", { key: "label" }, one.label),
      ])))),
    ]),
    h("div", { key: "picks", className: "picks" }, picks.map((pick) => h("button", { key: pick.label, type: "button", className: "quiet", onClick: () => choose(pick.value) }, pick.label))),
  ]);
}
