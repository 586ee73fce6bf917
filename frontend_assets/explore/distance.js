// The distance has three faces: the field (what the server reads), the near choice and the slider. `set` is used because they point at one another.
import { answers, causes, set } from "../kit/dash.js";

/** @type {Record<string, number | undefined>} */
const echoes = {}; // what was set here, by face

/**
 * @param {number | null | undefined} near
 * @param {number | null | undefined} slider
 * @param {number | null | undefined} distance
 */
function shareDistance(near, slider, distance) {
  const by = (causes()[0] ?? "distance").split(".")[0];
  // What was set here comes back as a call of its own, by then the field may have moved on: it is no wish of the person's.
  const [face, own] = by === "near" ? ["near", near] : ["distance-slider", slider];
  const echo = by !== "distance" && own !== null && own !== undefined && echoes[face] === own;
  if (by !== "distance") delete echoes[face];
  const value = echo || by === "distance" ? distance : own;
  if (value === null || value === undefined) {
    // Setting calls this again: only what differs.
    if (near !== null && near !== undefined) set("near", { value: null });
    return "";
  }
  if (by === "distance-slider" && value === Math.abs(distance ?? 0)) return ""; // it follows; the sign is the field's
  if (value !== distance) set("distance", { value });
  if (near !== value) { echoes.near = value; set("near", { value }); }
  if (slider !== Math.abs(value)) { echoes["distance-slider"] = Math.abs(value); set("distance-slider", { value: Math.abs(value) }); }
  return "";
}

answers("shatterscope", { shareDistance });
