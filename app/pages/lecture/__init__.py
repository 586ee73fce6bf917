"""The Lecture page: which lessons are here."""
