"""In-context learning of representations (Park et al. 2024, arXiv 2501.00070): geometry that a model makes while it reads, of a world that nothing but
the text tells. Start at `text.py`."""

from shatterscope.backend.in_context.measure import ReadText, read
from shatterscope.backend.in_context.model import ModelFolderError, load_model, shipped
from shatterscope.backend.in_context.text import GRAPHS, WORDS, Graph, draw

__all__ = ["GRAPHS", "WORDS", "Graph", "ModelFolderError", "ReadText", "draw", "load_model", "read", "shipped"]
