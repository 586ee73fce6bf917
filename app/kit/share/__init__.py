"""Sharing a view: links, QR codes, the gallery, exports, and how to cite what is seen."""
