// The Explore page (app/layout, app/callbacks).
import { Choice } from "../components/choice.js";
import { Plain } from "../components/plain.js";
import { Range } from "../components/range.js";
import { Switch } from "../components/switch.js";
// Esc closes what the lecture puts over the page before what the frame does, and leaves the lecture before it reaches the page.
import "../frame/popover.js";
import "../lecture/stage.js";
import "../frame/frame.js";
import "../explore/distance.js";
import "../explore/pick.js";
import "../explore/result.js";
import "../explore/panels.js";
import "../explore/stack.js";
import "../explore/strength.js";
import { offer } from "../kit/offer.js";
import "../scene/camera.js";
import "../scene/scenes.js";

offer({ Choice, Plain, Range, Switch });
