// The Compare page (app/compare).
import "../compare/compare.js";
import { Checks } from "../components/checks.js";
import { Choice } from "../components/choice.js";
import { SortTable } from "../components/sort_table.js";
import "../figure/figures.js";
import "../frame/frame.js";
import { offer } from "../kit/offer.js";

offer({ Checks, Choice, SortTable });
