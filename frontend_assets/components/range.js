import { textOf } from "../kit/dash.js";
import { h, useDraft, useEffect, useRef } from "./base.js";

/** @typedef {import("./base.js").Props & { min?: number, max?: number, step?: number, every?: number, log?: boolean }} RangeProps */

/**
 * `log: true` gives half of the slider's length to small values: the value is min * (max / min) ** t, rounded.
 * @param {RangeProps} props
 */
export function Range(props) {
  const { id, value, min = 0, max = 1, step = 0.01, every = 120, log = false, setProps, label } = props;
  const [draft, setDraft] = useDraft(value);
  const timer = useRef(null);
  const latest = useRef(null);
  /** @param {number} v */
  const toTrack = (v) => (log ? Math.log(Math.max(v, min) / min) / Math.log(max / min) : v);
  /** @param {number} t */
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
  /** @param {{ target: HTMLInputElement }} event */
  const change = (event) => {
    const next = fromTrack(Number(event.target.value));
    setDraft(next);
    latest.current = next;
    if (timer.current === null) timer.current = setTimeout(flush, every);
  };
  const track = toTrack(Number(draft) || 0);
  const [low, high] = log ? [0, 1] : [min, max];
  return h("input", {
    id: textOf(id), "data-control": "", type: "range", min: low, max: high, step: log ? 0.002 : step, value: track, disabled: props.disabled,
    "aria-label": label, "aria-valuetext": String(draft), title: props.title, className: props.className,
    style: { "--fill": `${(100 * (track - low)) / (high - low || 1)}%` },
    ref: input, onChange: change, onBlur: settle,
  });
}
