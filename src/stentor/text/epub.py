"""Reading EPUB 2 and 3: what a book is called, its cover, and its chapters in reading order.

Sources: EPUB Open Container Format 3.3, EPUB Packages 3.3, Open Packaging Format 2.0.1.
Nothing is extracted to disk, so that names in the archive can point nowhere.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from typing import IO
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from stentor.errors import SpeechError, invalid
from stentor.text.epub_contents import nav_titles, ncx_titles
from stentor.text.xml_tree import XmlError, parse_xml

MAX_ENTRIES = 20_000
MAX_DOCUMENT_BYTES = 32 * 2**20
MAX_COVER_BYTES = 32 * 2**20
MAX_TOTAL_BYTES = 256 * 2**20

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_OCF = "{urn:oasis:names:tc:opendocument:xmlns:container}"
_OPF = "{http://www.idpf.org/2007/opf}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_ENC = "{http://www.w3.org/2001/04/xmlenc#}"
_FONT_OBFUSCATION = frozenset(
    {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
)
_DOCUMENTS = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})
_ENCODING = re.compile(
    rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})"
    rb"|<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9._-]{1,40})",
    re.IGNORECASE,
)
_ENCODING_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Chapter:
    """One document of a book.

    Attributes:
        title: from the book's table of contents; None if the document is not in it, as the later
            parts of a long chapter are not.
        html: XHTML or HTML.
        path: name in the archive.
    """

    title: str | None
    html: str
    path: str


@dataclass(frozen=True, slots=True)
class Book:
    """A book.

    Attributes:
        title: empty if the book does not say.
        authors: in the book's order.
        language: BCP 47 code.
        cover: an image, in whatever format `cover_type`, its media type, says.
        chapters: in reading order, at least one; without the table of contents and what the book
            keeps out of the reading order.
        warnings: what is missing, in sentences.
    """

    title: str
    authors: list[str]
    language: str | None
    cover: bytes | None
    cover_type: str | None
    chapters: list[Chapter]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Item:
    path: str
    media_type: str
    properties: frozenset[str]


def read_epub(
    source: str | PathLike[str] | IO[bytes],
    *,
    max_document_bytes: int = MAX_DOCUMENT_BYTES,
    max_total_bytes: int = MAX_TOTAL_BYTES,
) -> Book:
    """Read a book.

    Args:
        source: a path or a seekable file.
        max_document_bytes: of one document of the book, unpacked.
        max_total_bytes: of all that is read, unpacked.

    Raises:
        SpeechError: 400: it is no EPUB or a broken one (`invalid_epub`), it is protected
            (`epub_encrypted`), or larger than the limits (`epub_too_large`).
        OSError: the file cannot be read.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            return _Reader(archive, max_document_bytes, max_total_bytes).read()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise _invalid(f"is not an EPUB: {error}") from None


class _Reader:
    def __init__(self, archive: zipfile.ZipFile, max_document: int, max_total: int) -> None:
        self._archive = archive
        self._max_document = max_document
        self._left = max_total
        self._max_total = max_total
        self._warnings: list[str] = []

    def read(self) -> Book:
        if len(self._archive.infolist()) > MAX_ENTRIES:
            raise _too_large(f"has more than {MAX_ENTRIES} files")
        self._refuse_encryption()
        package_path = self._package_path()
        package = self._xml(package_path)
        items = dict(_items(package, posixpath.dirname(package_path)))
        contents, titles = self._titles(package, items)
        chapters = list(self._chapters(package, items, contents, titles))
        if not chapters:
            raise _invalid("has no document to read")
        cover, cover_type = self._cover(package, items)
        return Book(
            title=next(_texts(package, "title"), ""),
            authors=list(_texts(package, "creator")),
            language=next(_texts(package, "language"), None),
            cover=cover,
            cover_type=cover_type,
            chapters=chapters,
            warnings=self._warnings,
        )

    def _refuse_encryption(self) -> None:
        if self._has(_ENCRYPTION):
            for data in self._xml(_ENCRYPTION).iter(f"{_ENC}EncryptedData"):
                method = data.find(f"{_ENC}EncryptionMethod")
                if method is None or method.get("Algorithm") not in _FONT_OBFUSCATION:
                    raise _encrypted()

    def _package_path(self) -> str:
        if not self._has(_CONTAINER):
            raise _invalid(f"is not an EPUB: it has no {_CONTAINER}")
        for rootfile in self._xml(_CONTAINER).iter(f"{_OCF}rootfile"):
            path = _resolved("", rootfile.get("full-path", ""))
            if self._has(path):
                return path
        raise _invalid("has no package document")

    def _chapters(
        self,
        package: Element,
        items: dict[str, _Item],
        contents: str | None,
        titles: dict[str, str],
    ) -> Iterator[Chapter]:
        for reference in package.iterfind(f"{_OPF}spine/{_OPF}itemref"):
            item = items.get(reference.get("idref", ""))
            if reference.get("linear") == "no" or (item and item.path == contents):
                continue
            if item is None or not self._has(item.path):
                missing = item.path if item else reference.get("idref", "")
                self._warnings.append(f"{missing!r} is missing from the book and was not read")
            elif item.media_type not in _DOCUMENTS:
                self._warnings.append(f"{item.path!r} is {item.media_type} and was not read")
            else:
                html = _decoded(self._bytes(item.path, self._max_document))
                yield Chapter(titles.get(item.path), html, item.path)

    def _titles(
        self, package: Element, items: dict[str, _Item]
    ) -> tuple[str | None, dict[str, str]]:
        """The path of the table of contents, if it is a document, and titles by path."""
        spine = package.find(f"{_OPF}spine")
        ncx = items.get(spine.get("toc", "") if spine is not None else "")
        ncx = ncx or next(
            (item for item in items.values() if item.media_type == "application/x-dtbncx+xml"), None
        )
        nav = next((item for item in items.values() if "nav" in item.properties), None)
        found: dict[str, str] = {}
        if nav and self._has(nav.path):
            found = _first(
                nav.path, nav_titles(_decoded(self._bytes(nav.path, self._max_document)))
            )
        if not found and ncx and self._has(ncx.path):
            try:
                tree = parse_xml(self._bytes(ncx.path, self._max_document))
                found = _first(ncx.path, ncx_titles(tree))
            except XmlError as error:
                self._warnings.append(f"the table of contents {ncx.path!r} is broken: {error}")
        return nav.path if nav else None, found

    def _cover(self, package: Element, items: dict[str, _Item]) -> tuple[bytes | None, str | None]:
        candidates = [item for item in items.values() if "cover-image" in item.properties]
        named = (
            items.get(meta.get("content", ""))
            for meta in package.iterfind(f"{_OPF}metadata//{_OPF}meta")
            if meta.get("name") == "cover"
        )
        candidates += filter(None, named)
        for item in candidates:
            if not item.media_type.startswith("image/") or not self._has(item.path):
                continue
            if self._archive.getinfo(item.path).file_size <= MAX_COVER_BYTES:
                return self._bytes(item.path, MAX_COVER_BYTES), item.media_type
            self._warnings.append(f"the cover {item.path!r} is too large and was left out")
        return None, None

    def _has(self, path: str) -> bool:
        return path in self._archive.NameToInfo

    def _xml(self, path: str) -> Element:
        try:
            return parse_xml(self._bytes(path, self._max_document))
        except XmlError as error:
            raise _invalid(f"has a broken file {path!r}: {error}") from None

    def _bytes(self, path: str, limit: int) -> bytes:
        """A file of the archive. Its size is counted as it unpacks, whatever its header says."""
        info = self._archive.getinfo(path)
        if info.flag_bits & 1:
            raise _encrypted()
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _invalid(f"has a file {path!r} that is packed in a way that EPUB does not allow")
        with self._archive.open(info) as file:
            data = file.read(min(limit, self._left) + 1)
        if len(data) > limit:
            raise _too_large(f"has a file {path!r} of more than {limit} bytes")
        if len(data) > self._left:
            raise _too_large(f"has more than {self._max_total} bytes to read")
        self._left -= len(data)
        return data


def _items(package: Element, folder: str) -> Iterator[tuple[str, _Item]]:
    for item in package.iterfind(f"{_OPF}manifest/{_OPF}item"):
        yield (
            item.get("id", ""),
            _Item(
                _resolved(folder, item.get("href", "")),
                item.get("media-type", "").strip().lower(),
                frozenset(item.get("properties", "").split()),
            ),
        )


def _first(contents: str, entries: Iterator[tuple[str, str]]) -> dict[str, str]:
    """For each document the first title that a table of contents has for it."""
    titles: dict[str, str] = {}
    for href, title in entries:
        if title:
            titles.setdefault(_resolved(posixpath.dirname(contents), href), title)
    return titles


def _texts(package: Element, name: str) -> Iterator[str]:
    for element in package.iterfind(f"{_OPF}metadata//{_DC}{name}"):
        if text := " ".join("".join(element.itertext()).split()):
            yield text


def _resolved(folder: str, href: str) -> str:
    path = unquote(href.partition("#")[0])
    return posixpath.normpath(posixpath.join(folder, path)).lstrip("/")


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    declared = _ENCODING.search(data[:_ENCODING_BYTES])
    encoding = (declared[1] or declared[2]).decode() if declared else "utf-8"
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode(encoding, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _invalid(what: str) -> SpeechError:
    return invalid(f"the book {what}", param="input", code="invalid_epub")


def _encrypted() -> SpeechError:
    return invalid(
        "the book is protected (DRM) and cannot be read; expected an EPUB without encryption",
        param="input",
        code="epub_encrypted",
    )


def _too_large(what: str) -> SpeechError:
    return invalid(f"the book {what}, which is the limit", param="input", code="epub_too_large")
