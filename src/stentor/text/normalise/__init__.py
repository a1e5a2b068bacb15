"""From what is written to what is said: numbers, dates, money, abbreviations and the like.

Each language has rules in files under `data/` and, for Chinese and Japanese, the transducers of
wetext. What is covered is in docs/normalisation.md.
"""

from stentor.text.normalise.normaliser import normalise, spoken
from stentor.text.normalise.options import NormaliseOptions

__all__ = ["NormaliseOptions", "normalise", "spoken"]
