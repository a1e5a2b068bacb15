"""Words that sound as they were asked to, in sentences that sound as they did."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import accumulate, chain

from stentor.engines.base import Pronunciation
from stentor.engines.words import Range, divide, is_sound, place

# The phonemes of a few characters, read without what stands around them.
ReadAlone = Callable[[str], Sequence[str]]

# Substitutes may have substitutes, but not without end: some point at each other.
_DEPTH = 3

_WORDS_KEPT = 4096
_WORD_KEPT_CHARS = 40

_PUNCTUATION = frozenset(".,;:!?\"'()[]{}\u2018\u2019\u201c\u201d\u00ab\u00bb\u2026-\u2013\u2014")


class Readings:
    """How words are read alone, remembered; the oldest are forgotten."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Sequence[str]] = {}

    def read(self, word: str, language: str, read: Callable[[], Sequence[str]]) -> Sequence[str]:
        """The phonemes of a word, as `read` tells them if they are not known."""
        if len(word) > _WORD_KEPT_CHARS:
            return read()
        found = self._known.get((word, language))
        if found is None:
            if len(self._known) >= _WORDS_KEPT:
                del self._known[next(iter(self._known))]
            found = self._known[word, language] = read()
        return found


class Inventory:
    """The sounds that a voice has.

    Args:
        sounds: its phonemes; those that are punctuation, or steer the network, are never taken
            from a pronunciation.
        clusters: runs of phonemes that the voice has as one.
    """

    def __init__(
        self, sounds: Collection[str], clusters: Iterable[tuple[str, ...]] | None = None
    ) -> None:
        self._sounds = {one for one in sounds if one and all(map(_is_letter, one))}
        self._clusters = sorted(clusters or (), key=len, reverse=True)

    def read(self, ipa: str) -> tuple[list[str], list[str]]:
        """The nearest that the voice has to a pronunciation, and what it has nothing for.

        Returns:
            Phonemes, words separated by single spaces; and symbols, each once.
        """
        found: list[str] = []
        unknown: dict[str, None] = {}
        for symbol in unicodedata.normalize("NFC", " ".join(ipa.split())):
            nearest = self._nearest(symbol)
            if nearest is not None:
                found += nearest
                continue
            for part in unicodedata.normalize("NFD", symbol):
                nearest = self._nearest(part)
                if nearest is None:
                    unknown[part] = None
                else:
                    found += nearest
        return list(self._clustered(found)), list(unknown)

    def _nearest(self, symbol: str, depth: int = _DEPTH) -> list[str] | None:
        """The voice's phonemes for a symbol; None if there are none."""
        # Piper's voices learnt letters and their marks apart, Kokoro as one.
        parts = list(unicodedata.normalize("NFD", symbol))
        if symbol == " " or self._sounds.issuperset(parts):
            return parts
        if symbol in self._sounds:
            return [symbol]
        for substitute in _substitutes().get(symbol, ()) if depth else ():
            nearest = [self._nearest(one, depth - 1) for one in substitute]
            if None not in nearest:
                return [phoneme for one in nearest if one for phoneme in one]
        return None

    def _clustered(self, phonemes: list[str]) -> Iterator[str]:
        at = 0
        while at < len(phonemes):
            cluster = next(
                (one for one in self._clusters if tuple(phonemes[at : at + len(one)]) == one), None
            )
            yield "".join(cluster or phonemes[at])
            at += len(cluster or "-")


def _is_letter(symbol: str) -> bool:
    return symbol.isalnum() or bool(unicodedata.combining(symbol)) or symbol == "\u02de"


@cache
def _substitutes() -> dict[str, list[str]]:
    lines = files("stentor.engines").joinpath("ipa.tsv").read_text("utf-8").splitlines()
    found: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith("#"):
            symbol, substitute = line.split("\t")
            found.setdefault(symbol, []).append(substitute)
    return found


class Pronounced:
    """A text's phonemes once its pronunciations are in place.

    Attributes:
        sentences: phonemes of each.
        warnings: what a listener may miss, in sentences.
    """

    def __init__(
        self,
        text: str,
        sentences: list[list[str]],
        pronunciations: Sequence[Pronunciation],
        inventory: Inventory,
        read_alone: ReadAlone,
    ) -> None:
        self.sentences = sentences
        self.warnings: list[str] = []
        self._text = text
        self._read_alone = read_alone
        self._asked: list[tuple[Range, list[str]]] = []
        unknown: dict[str, None] = {}
        for one in pronunciations:
            phonemes, missing = inventory.read(one.ipa)
            unknown.update(dict.fromkeys(missing))
            if any(map(is_sound, phonemes)):
                self._asked.append(((one.start, one.end), phonemes))
            else:
                self.warnings.append(f"the voice has no sound for the pronunciation {one.ipa!r}")
        if unknown:
            self.warnings.append(f"the voice has no sound for: {' '.join(unknown)}")
        if self._asked:
            self._pronounce()

    def place_words(self, spoken: Sequence[str]) -> list[tuple[Range, Range]]:
        """Each word's characters, and its phonemes in `spoken`; words without sound left out."""
        pieces = self._pieces()
        alone = [list(self._read_piece(*one)) for one in pieces]
        for (start, end), phonemes in self._asked:
            inside = [at for at, one in enumerate(pieces) if start <= one[0] and one[1] <= end]
            total = sum(len(alone[at]) for at in inside)
            used = share = 0
            for at in inside:
                share += len(alone[at])
                until = len(phonemes) * share // total if total else len(phonemes)
                alone[at] = phonemes[used:until]
                used = until
        placed = place(alone, spoken)
        found: list[tuple[Range, Range]] = []
        at = 0
        for start, end in divide(self._text):
            parts: list[Range] = []
            while at < len(pieces) and pieces[at][0] < end:
                if one := placed[at]:
                    parts.append(one)
                at += 1
            if parts:
                found.append(((start, end), (parts[0][0], parts[-1][1])))
        return found

    def _pieces(self) -> list[Range]:
        return divide(self._text, chain.from_iterable(where for where, _ in self._asked))

    def _read_piece(self, start: int, end: int) -> Sequence[str]:
        piece = self._text[start:end]
        cut = any(edge in (start, end) for where, _ in self._asked for edge in where)
        # Left alone by a cut, punctuation would be read out.
        return piece if cut and _PUNCTUATION.issuperset(piece) else self._read_alone(piece)

    def _pronounce(self) -> None:
        """Put the phonemes that were asked for where espeak-ng put its own.

        The text is read as it is: a word's neighbours shape how it is read, and are shaped by it.
        """
        spoken = list(chain.from_iterable(self.sentences))
        pieces = self._pieces()
        placed = place([self._read_piece(*one) for one in pieces], spoken)
        begins = {0, *accumulate(map(len, self.sentences))}
        changes: list[tuple[Range, list[str]]] = []
        for (start, end), phonemes in self._asked:
            inside = [
                one
                for (first, last), one in zip(pieces, placed, strict=True)
                if one and start <= first and last <= end
            ]
            if inside:
                where = (inside[0][0], inside[-1][1])
            else:
                before = [
                    one
                    for (_, last), one in zip(pieces, placed, strict=True)
                    if one and last <= start
                ]
                where = (before[-1][1], before[-1][1]) if before else (0, 0)
            apart = (
                where[0] not in begins and self._text[start - 1 : start].isspace(),
                where[1] not in begins and self._text[end : end + 1].isspace(),
            )
            changes.append((where, _set_off(spoken, where, phonemes, apart)))
        self.sentences = _changed(self.sentences, changes)


def _set_off(
    spoken: list[str], where: Range, phonemes: list[str], apart: tuple[bool, bool]
) -> list[str]:
    """With the spaces that the text has and espeak-ng, running words together, has not."""
    first, last = where
    before = apart[0] and spoken[first - 1] != " "
    after = apart[1] and _begins_word(spoken[last])
    return [" "] * before + phonemes + [" "] * after


def _begins_word(phoneme: str) -> bool:
    return is_sound(phoneme) or phoneme in "\u02c8\u02cc"


def _changed(sentences: list[list[str]], changes: list[tuple[Range, list[str]]]) -> list[list[str]]:
    """The sentences with some stretches replaced; a stretch over an end makes two into one."""
    spoken = list(chain.from_iterable(sentences))
    sentence = [number for number, one in enumerate(sentences) for _ in one]
    for (first, last), _ in changes:
        if first < last and sentence[first] != sentence[last - 1]:
            joined = sentence[last - 1]
            sentence[last:] = [sentence[first] if n == joined else n for n in sentence[last:]]
    found: dict[int, list[str]] = {}
    at = 0
    for (first, last), phonemes in changes:
        for index in range(at, first):
            found.setdefault(sentence[index], []).append(spoken[index])
        # What replaces nothing follows what is before it.
        own = sentence[first if first < last else max(0, first - 1)] if sentence else 0
        found.setdefault(own, []).extend(phonemes)
        at = last
    for index in range(at, len(spoken)):
        found.setdefault(sentence[index], []).append(spoken[index])
    return list(found.values())
