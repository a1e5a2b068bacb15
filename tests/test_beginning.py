"""A long text whose beginning is spoken before the rest is read, against all of it at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stentor.audio.settings import EncoderSettings
from stentor.contract import SpeechRequest
from stentor.engines.base import EngineModel, Spoken, Utterance, WordTiming
from stentor.routing.targets import LocalTarget
from stentor.synthesis.failures import Part
from stentor.synthesis.render import Synthesizer
from stentor.synthesis.values import Speech
from stentor.synthesis.voices import LONG_CHARS, LocalVoice, Rules
from stentor.text.reading import Reading
from stentor.text.segments import Segment
from test_synthesis import MODEL, Heard, InstantSpeaker

_SENTENCES = st.sampled_from(
    [
        "The herald had a great voice.",
        "It cost £5 on 3 May, at 10:30.",
        "Dr. Smith met _them_ 3.5 miles away!",
        "“Is it?” she asked;  he said nothing.",
        "A 😀 is 20% of 1,000,000 — or so…",
    ]
)
_GAPS = st.sampled_from([" ", "  ", "\n", "\n\n", " \u200b", "\n\n* * *\n\n"])
TEXTS = st.lists(st.tuples(_SENTENCES, _GAPS), min_size=80, max_size=120).map(
    lambda pairs: "".join(sentence + gap for sentence, gap in pairs)
)


def words(parts: Sequence[Part]) -> Iterator[tuple[str, tuple[int, int]]]:
    """What is said, and which stretch of the text each word of it stands for."""
    for part in parts:
        assert isinstance(part, Segment)
        for word in re.finditer(r"\S+", part.text):
            yield word.group(), part.span(*word.span())


def voice(text: str, model: EngineModel = MODEL) -> LocalVoice:
    target = LocalTarget(model, {})
    request = SpeechRequest(model=target.id, input=text, voice="joe", with_timestamps=True)
    speech = Speech(request, (target,), Reading(text))
    return LocalVoice(speech, target, InstantSpeaker(), Rules())


@settings(deadline=None)
@given(TEXTS)
def test_each_word_stands_for_the_same_characters(text: str) -> None:
    assert len(text) > LONG_CHARS
    begun = voice(text).begin(Reading(text), "joe")
    assert begun is not None
    first, rest = begun
    parts = [*first.parts, *rest().parts]
    assert list(words(parts)) == list(words(voice(text).divide(Reading(text), "joe").parts))
    assert [one.index for one in parts] == list(range(len(parts)))


class TimedSpeaker(InstantSpeaker):
    """Takes a tenth of a second for each word."""

    async def speak(self, utterance: Utterance) -> Spoken:
        spans = [word.span() for word in re.finditer(r"\S+", utterance.text)]
        timings = tuple(
            WordTiming(start, end, 2205 * number, 2205 * (number + 1))
            for number, (start, end) in enumerate(spans)
        )
        samples = np.full(2205 * len(spans), 1000, np.int16).tobytes()
        return Spoken(samples, 22050, timings=timings)


async def test_what_somebody_waits_for_begins_before_all_is_read_though_it_is_timed(
    tmp_path: Path,
) -> None:
    text = "The herald had a voice of bronze, which cost £5. " * 60
    request = SpeechRequest(model="piper/x", input=text, voice="joe", with_timestamps=True)
    speech = Speech(request, (LocalTarget(MODEL, {}),), Reading(text))
    synthesizer = Synthesizer(encoder=EncoderSettings(), rules=Rules())
    results = []
    for hurried in (True, False):
        heard = Heard()
        rendered = await synthesizer.render(
            speech, tmp_path / "out", speaker=TimedSpeaker(), listener=heard, hurried=hurried
        )
        known = [one.segments_total for one in heard.progress]
        assert (known[0] < known[-1]) == hurried
        results.append(rendered.timings)
    synthesizer.close()
    assert results[0] == results[1]
    assert results[0] is not None
    assert [one.text for one in results[0].words] == text.split()
