// The gallery of saved views (app/share/gallery.py).
import "../frame/frame.js";
