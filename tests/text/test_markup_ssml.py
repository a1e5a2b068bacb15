"""SSML."""

import pytest

from stentor.errors import SpeechError
from stentor.text.markup.marked import Style
from stentor.text.markup.phonemes import x_sampa_to_ipa
from text.marking import Reading


def read(inside: str) -> Reading:
    return Reading(f"<speak>{inside}</speak>", "ssml")


def refused(source: str) -> SpeechError:
    with pytest.raises(SpeechError) as caught:
        Reading(source, "ssml")
    assert (caught.value.status_code, caught.value.code) == (400, "invalid_ssml")
    assert caught.value.param == "input"
    return caught.value


def styles(reading: Reading) -> list[tuple[str, Style]]:
    return [(reading.text[one.start : one.end], one.style) for one in reading.marked.styles]


def test_paragraphs_sentences_and_white_space() -> None:
    reading = read("\n  <p><s>One</s>\n <s>two\n  three</s></p>\n  four\n")
    assert reading.text == "One\ntwo three\n\nfour"
    assert reading.before("sentence") == ["One", "three"]


def test_spans_are_of_characters_not_bytes() -> None:
    reading = read(
        "é&amp;中 <!-- ü --><emphasis>wörld</emphasis><?pi?> <![CDATA[👩<b>&amp;]]> &#233;\r\nz"
    )
    assert reading.text == "é&中 wörld 👩<b>&amp; é z"
    for part in ("wörld", "👩<b>&amp;", "z", "中"):
        assert reading.source_of(part) == part
    assert reading.source_of("&中") == "&amp;中"
    assert reading.source_of("é z") == "&#233;\r\nz"


def test_an_xml_declaration_is_taken_whatever_it_says_and_whatever_is_before_it() -> None:
    source = '\ufeff\n <?xml version="1.0" encoding="ISO-8859-1"?><speak>é a</speak>'
    reading = Reading(source, "auto")
    assert reading.text == "é a"
    assert reading.source_of("a") == "a"


@pytest.mark.parametrize(
    ("attributes", "ms"),
    [
        ("", 400),
        ("time='1.5s'", 1500),
        ("time='250ms'", 250),
        ("time='0s' strength='strong'", 0),
        ("strength='none'", 0),
        ("strength='x-strong'", 1200),
    ],
)
def test_breaks_have_milliseconds(attributes: str, ms: int) -> None:
    reading = read(f"a <break {attributes}/> b")
    assert reading.text == "a b"
    assert [(one.offset, one.kind, one.ms) for one in reading.marked.breaks] == [(1, "pause", ms)]
    assert reading.marked.warnings == ()


@pytest.mark.parametrize("attributes", ["time='5'", "time='long'", "strength='huge'"])
def test_a_break_without_sense_is_an_ordinary_break_with_a_warning(attributes: str) -> None:
    reading = read(f"a<break {attributes}/>b")
    assert [one.ms for one in reading.marked.breaks] == [400]
    assert "cannot be used" in reading.marked.warnings[0]


def test_an_endless_break_is_shortened() -> None:
    reading = read("a<break time='999999s'/>b")
    assert [one.ms for one in reading.marked.breaks] == [60_000]
    assert "shortened" in reading.marked.warnings[0]


@pytest.mark.parametrize(
    ("attributes", "style"),
    [
        ("rate='slow'", Style(rate=0.75)),
        ("rate='150%'", Style(rate=1.5)),
        ("rate='-20%'", Style(rate=0.8)),
        ("rate='1.25'", Style(rate=1.25)),
        ("volume='+6dB'", Style(volume_db=6.0)),
        ("volume='silent'", Style(volume_db=-96.0)),
        ("volume='100'", Style()),
        ("volume='0'", Style(volume_db=-96.0)),
        ("pitch='+2st'", Style(pitch="+2st")),
        ("pitch='x-high'", Style(pitch="x-high")),
        ("pitch='default' rate='default' volume='default'", Style()),
    ],
)
def test_prosody(attributes: str, style: Style) -> None:
    reading = read(f"a <prosody {attributes}>b</prosody> c")
    assert styles(reading) == ([("b", style)] if style != Style() else [])
    assert reading.marked.warnings == ()


def test_styles_inside_each_other_add_up() -> None:
    reading = read(
        "<prosody rate='200%' volume='-3dB'>a "
        "<prosody rate='-50%' volume='-3dB'>b</prosody></prosody>"
        "<voice name='joe'> <lang xml:lang='fr'>c</lang>, "
        "<emphasis level='strong'>d</emphasis></voice>"
    )
    assert styles(reading) == [
        ("a", Style(rate=2.0, volume_db=-3.0)),
        ("b", Style(rate=1.0, volume_db=-6.0)),
        ("c", Style(voice="joe", language="fr")),
        (",", Style(voice="joe")),
        ("d", Style(voice="joe", emphasis="strong")),
    ]


@pytest.mark.parametrize("attribute", ["rate='0%'", "rate='x'", "volume='+6'", "pitch='1'"])
def test_prosody_without_sense_is_ignored_with_a_warning(attribute: str) -> None:
    reading = read(f"<prosody {attribute}>a</prosody>")
    assert styles(reading) == []
    assert "cannot be used" in reading.marked.warnings[0]


def test_aliases_are_said_instead() -> None:
    reading = read("The <sub alias='World Wide  Web'> W3C </sub> is <sub alias='é'/>.")
    assert reading.text == "The W3C is é."
    assert reading.said() == [("W3C", "World Wide Web", None), ("é", "é", None)]
    assert reading.source_of("é") == "<sub alias='é'/>"


def test_phonemes_are_said_instead() -> None:
    reading = read(
        "<phoneme alphabet='ipa' ph='təˈmɑːtəʊ'>tomato</phoneme> "
        "<phoneme alphabet='x-sampa' ph='t@&quot;meItoU'>tomato</phoneme> <phoneme ph='bˈæt'/>"
    )
    assert reading.said() == [
        ("tomato", "tomato", "təˈmɑːtəʊ"),
        ("tomato", "tomato", "təˈmeɪtoʊ"),
        ("bˈæt", "bˈæt", "bˈæt"),
    ]


@pytest.mark.parametrize(
    "attributes", ["ph='Main Page'", "alphabet='ups' ph='a'", "alphabet='x-sampa' ph='ŋ'", ""]
)
def test_phonemes_that_cannot_be_read_leave_the_word_with_a_warning(attributes: str) -> None:
    reading = read(f"<phoneme {attributes}>word</phoneme>")
    assert (reading.text, reading.said()) == ("word", [])
    assert "ordinary text" in reading.marked.warnings[0]


@pytest.mark.parametrize(
    ("x_sampa", "ipa"),
    [
        ('"f@U.ni:m', "ˈfəʊ.niːm"),
        ("r\\`a_~", "ɻa\u0303"),
        ("t_hO:", "tʰɔː"),
        ("n=", "n̩"),
        ("ŋ", None),
    ],
)
def test_x_sampa_becomes_ipa(x_sampa: str, ipa: str | None) -> None:
    assert x_sampa_to_ipa(x_sampa) == ipa


@pytest.mark.parametrize(
    ("kind", "written", "said"),
    [
        ("characters", "abc1", "A B C 1"),
        ("spell-out", "a b", "A B"),
        ("digits", "12-34", "1 2-3 4"),
        ("expletive", "damn", "beep"),
    ],
)
def test_say_as_that_has_one_reading_is_said_so(kind: str, written: str, said: str) -> None:
    reading = read(f"<say-as interpret-as='{kind}'>{written}</say-as>")
    assert reading.said() == [(written, said, None)]


def test_say_as_that_depends_on_the_language_is_left_to_normalisation_with_a_hint() -> None:
    reading = read("on <say-as interpret-as='date' format='mdy' detail='1'>1/2/2003</say-as>")
    assert reading.said() == []
    (hint,) = reading.marked.say_as
    assert reading.text[hint.start : hint.end] == "1/2/2003"
    assert (hint.interpret_as, hint.format, hint.detail) == ("date", "mdy", "1")


def test_marks_are_at_what_follows_them() -> None:
    reading = read("<p>a</p> <mark name='x'/><p>b <mark name='y'/>c</p><mark name='z'/><mark/>")
    found = [(reading.text[one.offset :], one.name) for one in reading.marked.named]
    assert found == [("b c", "x"), ("c", "y"), ("", "z")]
    assert "without a name" in reading.marked.warnings[0]


def test_unknown_elements_are_read_through_and_reported_once() -> None:
    reading = read("<a:b x='1'>c</a:b> <a:b>d</a:b> <p a:style='e'>f</p><w role='x'>g</w>")
    assert reading.text == "c d\n\nf\n\ng"
    assert [warning.split()[0] for warning in reading.marked.warnings] == ["<a:b>", "the", "the"]


def test_a_flood_of_unknown_elements_gives_a_few_warnings() -> None:
    reading = read("".join(f"<e{number}/>" for number in range(1000)) + "a")
    assert len(reading.marked.warnings) == 51


def test_metadata_is_not_read() -> None:
    reading = read(
        "<metadata><x>no</x></metadata><lexicon uri='u'/><audio src='s'><desc>no</desc>a</audio>"
    )
    assert reading.text == "a"
    assert len(reading.marked.warnings) == 4


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("<speak>é & b</speak>", "line 1, column 11"),
        ("<speak>\n中<p>é</speak>", "line 2, column 8"),
        ("<speak>a", "line 1, column 9"),
        ("<speak>&nbsp;</speak>", "line 1, column 8"),
        ("<p>a</p>", "line 1, column 1"),
        ("", "line 1, column 1"),
        ("<speak>a\x00</speak>", "line 1, column 9"),
    ],
)
def test_what_is_not_well_formed_is_refused_with_its_place(source: str, place: str) -> None:
    error = refused(source)
    assert place in error.message
    assert "expected an SSML document" in error.message


def test_entities_cannot_be_declared() -> None:
    lol = '<!DOCTYPE speak [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><speak>&b;</speak>'
    assert "document type" in refused(lol).message
    assert (
        "document type" in refused("<!DOCTYPE speak SYSTEM 'file:///etc/passwd'><speak/>").message
    )


def test_elements_may_be_64_deep_and_no_deeper() -> None:
    deepest = "<p>" * 63 + "a" + "</p>" * 63
    assert read(deepest).text == "a"
    assert "64 elements" in refused(f"<speak><p>{deepest}</p></speak>").message
