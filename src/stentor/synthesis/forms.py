"""How written text is said in one request by one target."""

from __future__ import annotations

from stentor.routing.targets import LocalTarget, Target
from stentor.synthesis.values import Speech
from stentor.text.normalise import NormaliseOptions, normalise
from stentor.text.rewrites import Rewrite
from stentor.text.said import Rewriter, SpokenForms


def spoken_forms(speech: Speech, target: Target, language: str) -> SpokenForms:
    """The request's dictionaries, then the language's rules if they are wanted."""
    rewriters: list[Rewriter] = [
        lambda text, lexicon=lexicon: lexicon.rewrites(text, language)  # type: ignore[misc]
        for lexicon in speech.lexicons
    ]
    if is_normalised(speech, target):
        options = NormaliseOptions(emoji=speech.request.emoji or "speak")

        def rules(text: str) -> list[Rewrite]:
            return normalise(text, language, options)

        rewriters.append(rules)
    return SpokenForms(rewriters, takes_phonemes=takes_phonemes(target))


def is_normalised(speech: Speech, target: Target) -> bool:
    """Whether text is said in words before it is spoken: vendors do that themselves."""
    wish = speech.request.text_normalization or "auto"
    return wish == "on" or (wish == "auto" and isinstance(target, LocalTarget))


def takes_phonemes(target: Target) -> bool:
    """Whether the target can be told a pronunciation."""
    return isinstance(target, LocalTarget) and target.model.phonemes
