// The In context page (app/pages/in_context).
import { Choice } from "../components/choice.js";
import { Range } from "../components/range.js";
import "../figure/figures.js";
import "../frame/frame.js";
import "../in_context/reading.js";
import { offer } from "../kit/offer.js";

offer({ Choice, Range });
