// What every page has. A page that needs more has an entry of its own beside this one, under its name.
import "../frame/frame.js";
