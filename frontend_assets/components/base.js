// Native form elements for Dash (the Python half is app/kit/components.py). A value is reported through setProps when the person
// has made up their mind: Enter, blur, the spinner's arrows or a pause while sliding.
import { React } from "../kit/dash.js";

/**
 * @typedef {object} Props what every component has
 * @property {string | object} [id]
 * @property {any} [value]
 * @property {string} [label]
 * @property {string} [className]
 * @property {boolean} [disabled]
 * @property {string} [title]
 * @property {(props: Record<string, unknown>) => void} setProps
 */

/** @typedef {{ value: any, label: string, title?: string, group?: string }} Option */

export const h = React.createElement;
export const useEffect = React.useEffect;
export const useRef = React.useRef;

/**
 * The shown text follows the property, except while the person is typing.
 * @template T
 * @param {T} value
 * @returns {[T | string, (draft: any) => void]}
 */
export function useDraft(value) {
  const [draft, setDraft] = React.useState(value);
  useEffect(() => setDraft(value), [value]);
  return [draft ?? "", setDraft];
}
