// The Reproduce page (app/reproduce).
import { Choice } from "../components/choice.js";
import { Plain } from "../components/plain.js";
import "../figure/figures.js";
import "../frame/frame.js";
import { offer } from "../kit/offer.js";
import "../reproduce/reproduce.js";

offer({ Choice, Plain });
