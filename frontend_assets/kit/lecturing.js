// Whether a lecture goes on. It does on the Explore page (lecture/), and what other scripts do then is less.
import { root } from "./dom.js";

export const lecturing = () => root.dataset.lecture !== undefined;
