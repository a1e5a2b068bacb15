"""What espeak-ng would lose, kept.

espeak-ng holds the phonemes of one word in a buffer of fixed size and silently drops what does
not fit: of 300 digits in a row it speaks 26.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

# Measured over the letters and syllables of five languages: the shortest words that are cut off
# have 20 characters (`w`, spelled), and what is left of one has at least 99 phonemes. Cutting a
# word that would have fitted costs no more than its rhythm.
LONG_WORD_CHARS = 18
FULL_WORD_PHONEMES = 90

Phonemize = Callable[[str], str]


def split_long_words(text: str, phonemize: Phonemize) -> str:
    """Put spaces into words that espeak-ng would cut off, so that all of them is spoken.

    Args:
        phonemize: from a text to its phonemes, words separated by spaces.
    """
    if all(len(word) <= LONG_WORD_CHARS for word in text.split(" ")):
        return text
    return " ".join(piece for word in text.split(" ") for piece in _pieces(word, phonemize))


def _pieces(word: str, phonemize: Phonemize) -> Iterator[str]:
    if len(word) <= LONG_WORD_CHARS or not _is_cut_off(word, phonemize):
        yield word
        return
    middle = len(word) // 2
    yield from _pieces(word[:middle], phonemize)
    yield from _pieces(word[middle:], phonemize)


def _is_cut_off(word: str, phonemize: Phonemize) -> bool:
    return any(len(spoken) >= FULL_WORD_PHONEMES for spoken in phonemize(word).split(" "))


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
