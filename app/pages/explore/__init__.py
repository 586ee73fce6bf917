"""The Explore page: ask a question, change a fact, see what breaks."""
