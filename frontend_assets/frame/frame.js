// What every page has, as app/layout/frame.py is its markup.
import { state } from "../address/address.js";
import { waiting } from "../address/clicks.js";
import { go } from "../address/go.js";
import { Field } from "../components/field.js";
import { Select } from "../components/select.js";
import { pending } from "../kit/dash.js";
import { offer } from "../kit/offer.js";
import "../kit/tip.js";
import "../room/seen.js";
import "../share/share.js";
import "./busy.js";
import "./folds.js";
import "./keys.js";
import "./nav.js";
import "./popover.js";
import "./theme.js";

offer({ Field, Select, state, go, pending, clicks: { waiting } });
