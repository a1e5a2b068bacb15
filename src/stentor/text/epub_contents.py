"""Tables of contents of EPUB: the navigation document of version 3, and the NCX of version 2."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from stentor.text.markup.html_tokens import Tag, html_text, tokens

_NCX = "{http://www.daisy.org/z3986/2005/ncx/}"


def nav_titles(source: str) -> Iterator[tuple[str, str]]:
    """Address and title of each entry of the navigation document's `<nav epub:type="toc">`."""
    is_contents = False
    href: str | None = None
    title: list[str] = []
    for token in tokens(source, is_xml=True):
        if not isinstance(token, Tag):
            if href is not None:
                text = source[token.start : token.end]
                title.append(text if token.is_raw else html_text(text))
        elif token.name == "nav":
            kind = token.attributes.get("epub:type") or token.attributes.get("role")
            kinds = kind.text.split() if kind else []
            is_contents = not token.is_end and ("toc" in kinds or "doc-toc" in kinds)
        elif token.name == "a" and is_contents:
            if token.is_end and href is not None:
                yield href, " ".join("".join(title).split())
            target = None if token.is_end else token.attributes.get("href")
            href, title = target.text if target else None, []


def ncx_titles(root: Element) -> Iterator[tuple[str, str]]:
    """Address and title of each entry of an NCX."""
    for point in root.iter(f"{_NCX}navPoint"):
        content = point.find(f"{_NCX}content")
        label = point.find(f"{_NCX}navLabel")
        if content is not None and label is not None:
            yield content.get("src", ""), " ".join("".join(label.itertext()).split())
