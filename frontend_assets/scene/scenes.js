// What a page with 3D scenes has besides.
import "../figure/figures.js";
import "./labels.js";
import "./lost.js";
import "./point.js";
import "./turn.js";
