"""`stentor voices`."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from stentor.config import Config
from stentor.engines.catalogue import find_models


def run(config: Config) -> None:
    """Print the installed voices, and what is missing for more."""
    found = find_models(config)
    table = Table("voice", "model", "language", "gender", "sample rate", box=None)
    for model in found.models:
        for voice in model.voices:
            table.add_row(
                voice.id,
                voice.model,
                voice.language or "",
                voice.gender or "",
                f"{voice.sample_rate} Hz",
            )
    console = Console()
    if found.models:
        console.print(table)
    for note in found.notes:
        console.print(note, soft_wrap=True, highlight=False, markup=False)
