"""XML from strangers, as a small tree: nothing is expanded, nothing is fetched, nothing is deep."""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

MAX_DEPTH = 64


class XmlError(ValueError):
    """The XML is not well-formed or not allowed. The message says where."""


def parse_xml(data: bytes) -> Element:
    """The root element, with names in ElementTree's notation `{namespace}name`.

    A document type is allowed and not looked at; entity declarations are refused.

    Raises:
        XmlError: not well-formed, an entity declaration, or elements too deep in each other.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    depth = 0

    def qualified(name: str) -> str:
        return "{" + name if "}" in name else name

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise XmlError(f"more than {MAX_DEPTH} elements inside each other")
        builder.start(qualified(name), {qualified(key): attributes[key] for key in attributes})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(qualified(name))

    def refuse(*_: object) -> None:
        raise XmlError("an entity declaration, which is not allowed")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, XmlError):
            raise
        raise XmlError(str(error)) from None
    return builder.close()
