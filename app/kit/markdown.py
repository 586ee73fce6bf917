"""Markdown of lessons and findings as HTML."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from markdown_it import MarkdownIt


def html_of(markdown: str, lesson: str = "") -> str:
    """HTML of Markdown. Tags written in it are shown as text, links are followed in another tab, but for those to another
    lesson, and pictures without a host are those
    beside the text of `lesson` (its id)."""
    renderer = MarkdownIt("commonmark", {"html": False, "typographer": False}).enable(["table"])
    tokens = renderer.parse(markdown)
    for token in tokens:
        for child in token.children or []:
            if child.type == "link_open" and not str(child.attrGet("href")).startswith("/?lesson="):
                child.attrSet("target", "_blank")
                child.attrSet("rel", "noopener")
            elif child.type == "image":
                source = str(child.attrGet("src") or "")
                if lesson and source and not urlsplit(source).scheme and not source.startswith("/"):
                    child.attrSet("src", f"/api/v1/lessons/{quote(lesson)}/pictures/{source}")
    found: str = renderer.renderer.render(tokens, renderer.options, {})
    return found
