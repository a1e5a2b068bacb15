"""W3C PLS documents, sound and otherwise."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stentor.errors import SpeechError
from stentor.lexicon.lexicon import Lexicon
from stentor.lexicon.pls import NAMESPACE, parse_pls, write_pls
from stentor.lexicon.rules import BadRule, Limits, Rule, make_rule


def document(body: str, head: str = 'alphabet="ipa" xml:lang="en"', before: str = "") -> bytes:
    return f'{before}<lexicon version="1.0" xmlns="{NAMESPACE}" {head}>{body}</lexicon>'.encode()


def lexeme(grapheme: str, pronunciations: str, attributes: str = "") -> str:
    return f"<lexeme {attributes}><grapheme>{grapheme}</grapheme>{pronunciations}</lexeme>"


def refusal(data: bytes, **limits: int) -> SpeechError:
    with pytest.raises(SpeechError) as refused:
        parse_pls(data, limits=Limits(**limits))
    return refused.value


def test_a_document_as_the_specification_has_it_is_read() -> None:
    rules = parse_pls(
        b"""<?xml version="1.0" encoding="UTF-8"?>
<lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon"
      xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
      xsi:schemaLocation="http://www.w3.org/2005/01/pronunciation-lexicon pls.xsd"
      alphabet="ipa" xml:lang="en-GB">
  <meta name="author" content="me"/>
  <metadata><r:RDF xmlns:r="urn:rdf">of <r:no/> use</r:RDF></metadata>
  <!-- towns -->
  <lexeme role="noun">
    <grapheme>Newton</grapheme>
    <grapheme>  New
        Town </grapheme>
    <phoneme>&#x2C8;nju\xcb\x90t\xc9\x99n</phoneme>
    <example>To <emphasis xmlns="urn:x">Newton</emphasis></example>
  </lexeme>
  <lexeme><grapheme>W3C</grapheme><alias><![CDATA[World & Web]]></alias></lexeme>
</lexicon>"""
    )
    assert rules == [
        Rule("Newton", phonemes="ˈnjuːtən", language="en-GB"),
        Rule("New Town", phonemes="ˈnjuːtən", language="en-GB"),
        Rule("W3C", alias="World & Web", language="en-GB"),
    ]


def test_of_several_pronunciations_the_preferred_comes_first() -> None:
    body = (
        lexeme("a", "<phoneme>ə</phoneme><alias>eh</alias>")
        + lexeme("b", "<phoneme>b</phoneme><phoneme prefer='true'>biː</phoneme>")
        + lexeme("a", "<phoneme prefer='true'>eɪ</phoneme>")
    )
    rewrites = Lexicon(tuple(parse_pls(document(body)))).rewrites("a b")
    assert [one.phonemes for one in rewrites] == ["eɪ", "biː"]


def test_an_element_may_name_its_own_alphabet() -> None:
    body = lexeme("a", '<phoneme alphabet="x-sampa">"A:</phoneme>')
    body += lexeme("b", "<phoneme>B IY1</phoneme>")
    rules = parse_pls(document(body, 'alphabet="cmu-arpabet"'))
    assert [rule.phonemes for rule in rules] == ["ˈɑː", "bˈi"]


def test_other_encodings_and_no_namespace_are_read_too() -> None:
    body = f"<lexicon>{lexeme('Zoë', '<alias>Zo-ee</alias>')}</lexicon>"
    for encoding in ("utf-8", "utf-16", "iso-8859-1", "windows-1252"):
        data = f"<?xml version='1.0' encoding='{encoding}'?>{body}".encode(encoding)
        assert parse_pls(data) == [Rule("Zoë", alias="Zo-ee")]


@pytest.mark.parametrize(
    ("body", "place", "named"),
    [
        ("\n <lexeme><graphem>x</graphem></lexeme>", (2, 10), "<graphem>"),
        ("<lexeme>\n<alias>x</alias></lexeme>", (1, 0), "no <grapheme>"),
        ("\n" + lexeme("x", ""), (2, 1), "no <phoneme> or <alias>"),
        ("\n" + lexeme("x", "<phoneme>1</phoneme>"), (2, 32), "'1' (U+0031)"),
        ("\n" + lexeme("x", "<alias> </alias>"), (2, 32), "alias: it is empty"),
        ("\n" + lexeme(" ", "<alias>x</alias>"), (2, 10), "grapheme: it is empty"),
        ("\n" + lexeme("x", "<alias prefer='yes'>x</alias>"), (2, 32), "prefer"),
        ("\n" + lexeme("x", "<alias>x</alias>", 'xml:lang="?"'), (2, 1), "xml:lang"),
        ("\n" + lexeme("x", '<phoneme alphabet="?">x</phoneme>'), (2, 32), "cmu-arpabet"),
        ("\n" + lexeme("x", "<alias>a<b/></alias>"), (2, 40), "<b>"),
        ("\n<alias>x</alias>", (2, 1), "<alias> cannot stand in <lexicon>"),
        ("\n loose words", (2, 0), "'loose words'"),
        ("\n<lexeme>", (2, 11), "mismatched tag"),
        ("\n&nbsp;", (2, 1), "undefined entity"),
        ("\n<a:b/>", (2, 1), "unbound prefix"),
    ],
)
def test_a_wrong_document_is_refused_with_line_and_column(
    body: str, place: tuple[int, int], named: str
) -> None:
    error = refusal(document(body))
    assert (error.status_code, error.code) == (400, "invalid_pls")
    assert named in error.message
    line, column = map(int, re.findall(r"line (\d+), column (\d+)", error.message)[0])
    # Where words begin that stand by themselves is known only to the line.
    assert line == place[0]
    assert place[1] in (0, column)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"not XML",
        b"<?xml version='1.0' encoding='klingon'?><lexicon/>",
        b"<?xml version='1.0' encoding='shift_jis'?><lexicon/>",
        b"<?xml version='1.0' encoding='utf-7'?><lexicon/>",
        b"<speak xmlns='http://www.w3.org/2001/10/synthesis'/>",
        b"<lexeme/>",
        b"<lexicon>\x00</lexicon>",
        b"<lexicon>\xc3</lexicon>",
        b"<lexicon/><lexicon/>",
    ],
)
def test_what_is_no_pls_document_is_refused(data: bytes) -> None:
    assert refusal(data).message.startswith("line 1, column ")


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(12))


@pytest.mark.parametrize(
    "doctype",
    [
        f"<!DOCTYPE lexicon [{BOMB}]>",
        '<!DOCTYPE lexicon [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE lexicon SYSTEM "http://127.0.0.1:9/pls.dtd">',
        '<!DOCTYPE lexicon [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]>',
        "<!DOCTYPE lexicon>",
    ],
)
def test_no_document_type_and_so_no_entity_is_taken(doctype: str) -> None:
    body = lexeme("x", "<alias>&e11;&x;</alias>")
    start = time.perf_counter()
    error = refusal(document(body, before=doctype))
    assert "document type" in error.message
    assert time.perf_counter() - start < 1


def test_limits_hold() -> None:
    many = "".join(lexeme(f"w{n}", "<alias>x</alias>") for n in range(4))
    assert "more than 3 rules" in refusal(document(many), rules=3).message
    product = "<lexeme>" + "<grapheme>x</grapheme>" * 300 + "<alias>x</alias>" * 300 + "</lexeme>"
    assert "more than 10000 rules" in refusal(document(product)).message
    deep = "<metadata>" + "<x xmlns='urn:x'>" * 50_000
    assert "nested more than 16" in refusal(document(deep)).message
    assert (
        "<alias> is too long"
        in refusal(document(lexeme("x", f"<alias>{'x ' * 50_000}</alias>"))).message
    )
    assert "at most 1000" in refusal(document(lexeme("x", f"<alias>{'x' * 1001}</alias>"))).message
    assert refusal(document(many), bytes=100).status_code == 413


@pytest.mark.parametrize(
    "unit",
    [
        "<lexeme><grapheme>x</grapheme></lexeme>",
        "<!-- x -->",
        "<?x y?>",
        "&#32;",
        "<meta name='x' content='y'/>",
        lexeme("x", "<alias>x</alias>"),
    ],
)
def test_time_is_in_proportion_to_length(unit: str) -> None:
    limits = Limits(rules=10**9, bytes=10**9)

    def seconds(times: int) -> float:
        best = 9.0
        for _ in range(3):
            start = time.perf_counter()
            with suppress(SpeechError):
                parse_pls(document(unit * times), limits=limits)
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(16_000) < 30 * max(seconds(2_000), 0.0001)


_words = st.text(
    st.characters(codec="utf-8", exclude_characters="\ufffe\uffff"), min_size=1, max_size=20
)
_manner = {
    "case_sensitive": st.booleans(),
    "whole_word": st.booleans(),
    "language": st.sampled_from([None, "en", "de-AT"]),
}


def _sound(**fields: object) -> Rule | None:
    try:
        return make_rule(**fields)  # type: ignore[arg-type]
    except BadRule:
        return None


_rules = st.lists(
    (
        st.fixed_dictionaries({"grapheme": _words, "alias": _words, **_manner})
        | st.fixed_dictionaries(
            {"grapheme": _words, "phoneme": st.text("aəˈː ŋ̃", min_size=1, max_size=9), **_manner}
        )
    )
    .map(lambda fields: _sound(**fields))
    .filter(lambda rule: rule is not None),
    max_size=6,
)


@given(_rules)
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_read_back_the_same(rules: list[Rule]) -> None:
    written = write_pls(rules)
    assert parse_pls(written) == rules
    assert ElementTree.fromstring(written).tag == f"{{{NAMESPACE}}}lexicon"


@given(st.binary(max_size=80) | st.text("<>/=\"'&;! lexiconmgrphaeb", max_size=80).map(str.encode))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for each in (data, document("").replace(b"></lexicon>", b">" + data + b"</lexicon>")):
        try:
            parse_pls(each)
        except SpeechError as error:
            assert error.message.startswith("line ")
