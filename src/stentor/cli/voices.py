"""`stentor voices`."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from stentor.cli.serve import event_loop
from stentor.config import Config
from stentor.contract import VoiceList
from stentor.logs import quiet
from stentor.voice_list import list_voices
from stentor.voicing import open_voices


def run(config: Config, provider: str | None = None) -> None:
    """Print the voices of this machine and of the configured vendors, and what is missing.

    Args:
        provider: only this one's.

    Raises:
        SpeechError: there is no such provider.
    """
    quiet()
    with event_loop() as runner:
        found, notes = runner.run(_list(config, provider))
    table = Table("voice", "name", "model", "language", "gender", "sample rate", box=None)
    for voice in found.voices:
        table.add_row(
            voice.id,
            voice.name if voice.name != voice.id else "",
            voice.model,
            voice.language or "",
            voice.gender or "",
            f"{voice.sample_rate} Hz",
        )
    console = Console()
    if found.voices:
        console.print(table)
    for note in [*found.warnings, *notes]:
        console.print(note, soft_wrap=True, highlight=False, markup=False)


async def _list(config: Config, provider: str | None) -> tuple[VoiceList, list[str]]:
    async with open_voices(config, warm=False) as voices:
        return await list_voices(voices, provider), voices.notes
