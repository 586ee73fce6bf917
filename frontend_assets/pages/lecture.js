// The shelf of lessons (app/lecture/shelf.py). A lecture itself goes on over the Explore page.
import "../frame/frame.js";
