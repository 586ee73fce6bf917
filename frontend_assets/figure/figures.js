// What a page with figures has besides.
import { alive } from "../kit/plotly.js";
import { offer } from "../kit/offer.js";
import { curve } from "../scene/lens.js";
import "../share/pictures.js";
import "./card.js";
import "./drawing.js";
import "./print.js";

offer({ scene: { alive, curve } });
