"""What espeak-ng would lose, kept.

espeak-ng holds the phonemes of a word, and those of a clause, in buffers of fixed size, and
silently drops what does not fit: of 300 digits in a row it speaks 26, of 300 Chinese characters
144.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

# Measured over the letters and syllables of five languages: the shortest words that are cut off
# have 20 characters (`w`, spelled), and what is left of one has at least 99 phonemes. Cutting a
# word that would have fitted costs no more than its rhythm.
LONG_WORD_CHARS = 18
FULL_WORD_PHONEMES = 90

# Likewise: what is left of a clause that is cut off has at least 1,194 phonemes.
FULL_CLAUSE_PHONEMES = 1000

Phonemize = Callable[[str], str]


def whole_pieces(text: str, phonemize: Phonemize) -> list[str]:
    """Divide a text into pieces of which espeak-ng loses nothing; nearly always one.

    Put one after the other, and but for white space, the pieces are the text.

    Args:
        phonemize: from a text to its phonemes, words separated by spaces.
    """
    words = text.split(" ")
    if any(len(word) > LONG_WORD_CHARS for word in words):
        text = " ".join(part for word in words for part in _word_parts(word, phonemize))
    return list(_clauses(text, phonemize))


def _word_parts(word: str, phonemize: Phonemize) -> Iterator[str]:
    if len(word) <= LONG_WORD_CHARS or not _fills_a_word(word, phonemize):
        yield word
        return
    middle = len(word) // 2
    yield from _word_parts(word[:middle], phonemize)
    yield from _word_parts(word[middle:], phonemize)


def _fills_a_word(word: str, phonemize: Phonemize) -> bool:
    return any(len(spoken) >= FULL_WORD_PHONEMES for spoken in phonemize(word).split(" "))


def _clauses(text: str, phonemize: Phonemize) -> Iterator[str]:
    if len(text) < 2 or len(phonemize(text)) < FULL_CLAUSE_PHONEMES:
        yield text
        return
    space = text.find(" ", len(text) // 2, -1)
    cut = space if space > 0 else len(text) // 2
    yield from _clauses(text[:cut], phonemize)
    yield from _clauses(text[cut:], phonemize)


def split_phonemes(phonemes: list[str], limit: int) -> Iterator[list[str]]:
    """Cut a long list of phonemes at spaces, where there are any, into lists of at most `limit`.

    The network's memory grows with the length of what it speaks at once.
    """
    start = 0
    while len(phonemes) - start > limit:
        end = start + limit
        space = next((at for at in range(end, start + limit // 2, -1) if phonemes[at] == " "), end)
        yield phonemes[start:space]
        start = space
    yield phonemes[start:]
