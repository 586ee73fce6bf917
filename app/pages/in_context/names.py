"""Ids of the page's own elements."""

from __future__ import annotations

GRAPH = "in-context-graph"
SEED = "in-context-seed"
ANOTHER = "in-context-another"
LENGTH = "in-context-length"
PLAY = "in-context-play"
READ = "in-context-read"  # how many words, in words
TEXT = "in-context-text"
WORDS = "in-context-words"
WORDS_OVER = "in-context-words-over"
CURVES = "in-context-curves"
SEEN = "in-context-seen"  # what is seen, in words
