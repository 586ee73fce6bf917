"""Worlds that a pretrained language model is asked about in words: what it knows, how it is asked, and what an edit did to it."""
