// What Share says of what was pressed.
import { set } from "../kit/dash.js";

/** @param {string} text */
export const say = (text) => set("share-said", { children: text });
