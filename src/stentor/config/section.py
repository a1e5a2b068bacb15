"""What the tables of the file have in common."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file whose options are known in advance.

    `rest` names the field, a dict of sections, that takes the tables with other names. The file
    does not know the field: its entries stand in the file beside the section's own tables.
    """

    rest: ClassVar[str | None] = None
