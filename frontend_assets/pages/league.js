// The League page (app/pages/league).
import { Choice } from "../components/choice.js";
import { SortTable } from "../components/sort_table.js";
import "../figure/figures.js";
import "../frame/frame.js";
import { offer } from "../kit/offer.js";

offer({ Choice, SortTable });
