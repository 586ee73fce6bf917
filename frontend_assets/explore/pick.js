// A click on a point of a scene (scene/point.js) picks its entity.
import { pick } from "../address/clicks.js";
import { hearOf } from "../kit/events.js";
import { isOurs } from "../scene/camera.js";

hearOf("point", (gd, { entity }) => { if (isOurs(gd)) pick(entity); });
