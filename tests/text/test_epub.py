"""Books in EPUB, made here piece by piece."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from stentor.errors import SpeechError
from stentor.text import epub
from stentor.text.epub import read_epub
from stentor.text.markup.read import read_markup

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/>'
    "</rootfiles></container>"
)
PACKAGE = """<?xml version="1.0"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0"
    xmlns:dc="http://purl.org/dc/elements/1.1/">
  <metadata>
    <dc:title> Alice &amp;
      Co </dc:title><dc:title>Second</dc:title>
    <dc:creator>Lewis Carroll</dc:creator><dc:creator>J. Tenniel</dc:creator>
    <dc:language>en-GB</dc:language><meta name="cover" content="img"/>
  </metadata>
  <manifest>
    <item id="two" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/>
    <item id="one" href="text/one.xhtml" media-type="application/xhtml+xml"/>
    <item id="more" href="text/more.xhtml" media-type="application/xhtml+xml"/>
    <item id="aside" href="text/aside.xhtml" media-type="application/xhtml+xml"/>
    <item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
    <item id="img" href="c.png" media-type="image/png"/>
    <item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>
  </manifest>
  <spine toc="ncx"><itemref idref="nav"/><itemref idref="one"/><itemref idref="more"/>
    <itemref idref="aside" linear="no"/><itemref idref="two"/></spine>
</package>"""
NAV = """<!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><body>
<nav epub:type="landmarks"><a href="text/one.xhtml">Start</a></nav>
<nav epub:type="toc"><ol><li><a href="text/one.xhtml#a">I. Down <i>the</i>&#160;Hole</a></li>
<li><a href="text/one.xhtml#b">Later</a></li>
<li><a href="text/two%20b.xhtml">II &amp; last</a></li></ol></nav></body></html>"""
NCX = """<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://www.daisy.org/z3986/2005/x.dtd">
<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>One</text>
</navLabel><content src="text/one.xhtml"/><navPoint><navLabel><text>Two</text></navLabel>
<content src="text/two%20b.xhtml#x"/></navPoint></navPoint></navMap></ncx>"""
FILES: dict[str, str | bytes] = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": CONTAINER,
    "OEBPS/book.opf": PACKAGE,
    "OEBPS/nav.xhtml": NAV,
    "OEBPS/toc.ncx": NCX,
    "OEBPS/c.png": b"\x89PNG",
    "OEBPS/text/one.xhtml": "<html><head><title>x</title></head><body><h1>I</h1>é</body></html>",
    "OEBPS/text/more.xhtml": '<?xml version="1.0" encoding="iso-8859-1"?><p>\xe4</p>'.encode(
        "latin-1"
    ),
    "OEBPS/text/aside.xhtml": "<p>aside</p>",
    "OEBPS/text/two b.xhtml": "<p>two</p>",
}


def packed(changes: dict[str, str | bytes | None] | None = None) -> io.BytesIO:
    """The book, with files changed or (None) left out."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**FILES, **(changes or {})}.items():
            if content is not None:
                archive.writestr(name, content)
    return file


def refused(source: io.BytesIO | Path, **limits: int) -> SpeechError:
    with pytest.raises(SpeechError) as caught:
        read_epub(source, **limits)
    assert caught.value.status_code == 400
    return caught.value


def test_a_book_of_version_3(tmp_path: Path) -> None:
    path = tmp_path / "alice.epub"
    path.write_bytes(packed().getvalue())
    book = read_epub(path)
    assert (book.title, book.authors) == ("Alice & Co", ["Lewis Carroll", "J. Tenniel"])
    assert (book.language, book.cover, book.cover_type) == ("en-GB", b"\x89PNG", "image/png")
    assert [(one.title, one.path) for one in book.chapters] == [
        ("I. Down the Hole", "OEBPS/text/one.xhtml"),
        (None, "OEBPS/text/more.xhtml"),
        ("II & last", "OEBPS/text/two b.xhtml"),
    ]
    read = [read_markup(one.html, "html").text for one in book.chapters]
    assert read == ["I\n\né", "ä", "two"]
    assert book.warnings == []


def test_a_book_of_version_2_has_its_titles_in_the_ncx() -> None:
    package = PACKAGE.replace(' properties="nav"', "").replace('<itemref idref="nav"/>', "")
    book = read_epub(packed({"OEBPS/book.opf": package}))
    assert [one.title for one in book.chapters] == ["One", None, "Two"]


def test_a_book_without_a_table_of_contents_has_chapters_without_titles() -> None:
    book = read_epub(packed({"OEBPS/nav.xhtml": None, "OEBPS/toc.ncx": None}))
    assert [one.title for one in book.chapters] == [None, None, None]


def test_a_missing_document_is_reported_and_the_rest_is_read() -> None:
    book = read_epub(packed({"OEBPS/text/one.xhtml": None}))
    assert len(book.chapters) == 2
    assert "'OEBPS/text/one.xhtml' is missing" in book.warnings[0]


def test_a_broken_table_of_contents_is_reported() -> None:
    book = read_epub(packed({"OEBPS/nav.xhtml": None, "OEBPS/toc.ncx": "<ncx>"}))
    assert len(book.chapters) == 3
    assert "toc.ncx' is broken" in book.warnings[0]


def test_names_that_lead_out_of_the_archive_lead_nowhere() -> None:
    package = PACKAGE.replace("text/one.xhtml", "../../../etc/passwd")
    assert (
        "'../../etc/passwd' is missing"
        in read_epub(packed({"OEBPS/book.opf": package})).warnings[0]
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"META-INF/container.xml": None},
        {"META-INF/container.xml": "<container>"},
        {"OEBPS/book.opf": None},
        {"OEBPS/book.opf": "<package/>"},
        {"OEBPS/book.opf": PACKAGE.replace("<spine", "<x").replace("</spine", "</x")},
        {"OEBPS/book.opf": '<!DOCTYPE p [<!ENTITY a "b">]>' + PACKAGE.partition("?>")[2]},
        {"OEBPS/book.opf": "<a>" * 100},
    ],
)
def test_a_book_without_sense_is_refused(changes: dict[str, str | bytes | None]) -> None:
    assert refused(packed(changes)).code == "invalid_epub"


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + b"x" * 100])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    assert refused(io.BytesIO(content)).code == "invalid_epub"


def test_a_file_that_was_cut_off_anywhere_is_refused() -> None:
    whole = packed().getvalue()
    for length in range(0, len(whole), 37):
        assert refused(io.BytesIO(whole[:length])).code == "invalid_epub"


def test_flipped_bytes_are_refused_or_read() -> None:
    whole = packed().getvalue()
    for at in range(0, len(whole), 11):
        broken = bytearray(whole)
        broken[at] ^= 0xFF
        try:
            read_epub(io.BytesIO(broken))
        except SpeechError as error:
            assert error.status_code == 400


ENCRYPTION = (
    '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
    '<EncryptedData xmlns="http://www.w3.org/2001/04/xmlenc#">'
    '<EncryptionMethod Algorithm="{}"/></EncryptedData></encryption>'
)


def test_a_protected_book_is_refused() -> None:
    encryption = ENCRYPTION.format("http://www.w3.org/2001/04/xmlenc#aes256-cbc")
    error = refused(packed({"META-INF/encryption.xml": encryption}))
    assert error.code == "epub_encrypted"
    assert "DRM" in error.message


def test_a_book_whose_fonts_alone_are_obfuscated_is_read() -> None:
    encryption = ENCRYPTION.format("http://www.idpf.org/2008/embedding")
    assert len(read_epub(packed({"META-INF/encryption.xml": encryption})).chapters) == 3


def test_a_file_that_unpacks_to_too_much_is_refused() -> None:
    bomb = packed({"OEBPS/text/one.xhtml": b" " * 5_000_000})
    assert len(bomb.getvalue()) < 50_000
    assert refused(bomb, max_document_bytes=1_000_000).code == "epub_too_large"
    assert refused(bomb, max_total_bytes=1_000_000).code == "epub_too_large"
    assert len(read_epub(bomb).chapters) == 3


def test_an_archive_of_too_many_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epub, "MAX_ENTRIES", 5)
    assert refused(packed()).code == "epub_too_large"


def test_a_cover_that_is_too_large_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epub, "MAX_COVER_BYTES", 3)
    book = read_epub(packed())
    assert book.cover is None
    assert "too large" in book.warnings[0]
