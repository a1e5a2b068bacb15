from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.signals import speech_like
from stentor.audio.join import Joined, Joiner, JoinSettings
from stentor.audio.pcm import Pcm, Samples
from stentor.audio.resample import resample

RATE = 16000
MS = RATE // 1000
MARGIN = JoinSettings().margin_ms * MS
FADE = JoinSettings().fade_ms * MS
SPEECH = speech_like(1, RATE)
PAUSES_MS = (0, 5, 10, 37, 80, 120, 350, 1200)


@dataclass(frozen=True)
class Spoken:
    """Speech that starts and ends at once, in the near-silence that a voice leaves around it."""

    samples: Samples
    lead: int
    tail: int
    pause_ms: int

    @property
    def speech(self) -> slice:
        return slice(self.lead, len(self.samples) - self.tail)


@st.composite
def spoken(draw: st.DrawFn) -> Spoken:
    lead, tail = draw(st.integers(0, 3200)), draw(st.integers(0, 6400))
    speech = SPEECH[2000 : draw(st.integers(2400, 14000))].astype(float)
    # Loud from the first to the last sample, so that a test knows where speech ends.
    speech[[0, -1]] = np.abs(speech).max() * draw(st.sampled_from([-1, 0.2, 1]))
    floor = draw(st.sampled_from([0, 1]))
    noise = np.arange(lead + tail) % (2 * floor + 1) - floor
    samples = np.concatenate([noise[:lead], speech, noise[lead:]])
    samples *= draw(st.sampled_from([0.05, 0.3, 1.0]))
    return Spoken(
        samples.astype(np.int16),
        lead,
        tail,
        draw(st.sampled_from([0, 5, 10, 37, 80, 120, 350, 1200])),
    )


def join_all(segments: list[Spoken]) -> list[Joined]:
    joiner = Joiner(RATE)
    return [joiner.add(Pcm(s.samples, RATE), s.pause_ms) for s in segments]


def join(segments: list[Spoken]) -> tuple[Samples, list[int]]:
    joined = join_all(segments)
    return np.concatenate([j.samples for j in joined]), [j.origin for j in joined]


lists_of_spoken = st.lists(spoken(), min_size=1, max_size=5)
given_segments = given(segments=lists_of_spoken)
briefly = settings(max_examples=60, deadline=None)


@given_segments
@briefly
def test_each_segment_lies_where_its_origin_says(segments: list[Spoken]) -> None:
    audio, origins = join(segments)
    for segment, origin in zip(segments, origins, strict=True):
        faded = slice(segment.speech.start + FADE, segment.speech.stop - FADE)
        np.testing.assert_array_equal(
            audio[origin + faded.start : origin + faded.stop], segment.samples[faded]
        )


@given_segments
@briefly
def test_the_gap_between_two_segments_is_the_pause_to_the_sample(segments: list[Spoken]) -> None:
    _, origins = join(segments)
    for i in range(len(segments) - 1):
        end = origins[i] + segments[i].speech.stop
        gap = origins[i + 1] + segments[i + 1].speech.start - end
        pause = segments[i].pause_ms * MS
        if pause >= 2 * FADE:
            assert gap == pause
        elif pause > 0:
            assert pause <= gap <= 2 * FADE
        else:
            assert 0 <= gap <= MARGIN + FADE


@given_segments
@briefly
def test_the_edges_of_the_whole_keep_at_most_the_margin(segments: list[Spoken]) -> None:
    segments[-1] = replace(segments[-1], pause_ms=0)
    audio, origins = join(segments)
    assert origins[0] + segments[0].lead == min(segments[0].lead, MARGIN)
    end = origins[-1] + segments[-1].speech.stop
    assert len(audio) - end == min(segments[-1].tail, MARGIN)


@given_segments
@briefly
def test_no_step_is_larger_than_a_fade_makes_it(segments: list[Spoken]) -> None:
    audio, _ = join(segments)
    steps = np.abs(np.diff(audio.astype(int), prepend=0, append=0))
    own = max(np.abs(np.diff(s.samples.astype(int))).max() for s in segments)
    peak = max(np.abs(s.samples.astype(int)).max() for s in segments)
    assert steps.max() <= own + peak * np.pi / 2 / FADE + 1
    assert abs(audio[0]) <= 1 and abs(audio[-1]) <= 1


@given_segments
@briefly
def test_what_is_trimmed_is_50_db_below_the_segment(segments: list[Spoken]) -> None:
    start = 0
    for segment, joined in zip(segments, join_all(segments), strict=True):
        stop = start + len(joined.samples)
        position = np.arange(len(segment.samples)) + joined.origin
        lost = segment.samples[(position < start) | (position >= stop)]
        assert np.sum(lost.astype(float) ** 2) <= 1e-5 * np.sum(segment.samples.astype(float) ** 2)
        start = stop


def test_a_fade_touches_only_its_own_length() -> None:
    constant = np.full(RATE, 20000, np.int16)
    samples = Joiner(RATE).add(Pcm(constant, RATE), 0).samples
    assert samples[0] == 0 and samples[-1] == 0
    assert (samples[FADE:-FADE] == 20000).all()
    assert (np.diff(samples[: FADE + 1].astype(int)) >= 0).all()


def test_a_silent_segment_stays_as_long_as_it_was() -> None:
    joiner = Joiner(RATE)
    first = joiner.add(Pcm(SPEECH, RATE), 200)
    silent = joiner.add(Pcm(np.full(4000, 3, np.int16), RATE), 0)
    assert silent.origin == len(first.samples) + len(silent.samples) - 4000
    assert silent.samples[-4000 + FADE : -FADE].tolist() == [3] * (4000 - 2 * FADE)


def test_an_empty_segment_leaves_only_its_pause() -> None:
    joiner = Joiner(RATE)
    empty = joiner.add(Pcm(np.zeros(0, np.int16), RATE), 500).samples
    rest = joiner.add(Pcm(np.full(1000, 9000, np.int16), RATE), 0)
    assert not empty.any()
    assert rest.origin == 500 * MS


def test_a_quiet_voice_is_not_taken_for_silence() -> None:
    quiet = (SPEECH * 0.02).astype(np.int16)
    assert np.abs(quiet).max() < 300
    lengths = [len(Joiner(RATE).add(Pcm(x, RATE), 0).samples) for x in (quiet, SPEECH)]
    assert abs(lengths[0] - lengths[1]) <= 10 * MS


def test_a_segment_at_another_rate_is_resampled() -> None:
    joiner = Joiner(RATE)
    first = joiner.add(Pcm(SPEECH, RATE), 300)
    other = speech_like(1, 24000)
    second = joiner.add(Pcm(other, 24000), 0)
    audio = np.concatenate([first.samples, second.samples])
    expected = resample(other, 24000, RATE)[2000:12000]
    np.testing.assert_array_equal(audio[second.origin + 2000 : second.origin + 12000], expected)


def test_the_given_audio_is_left_alone() -> None:
    samples = np.full(1000, 9000, np.int16)
    samples.flags.writeable = False
    Joiner(RATE).add(Pcm(samples, RATE), 0)
    assert (samples == 9000).all()
