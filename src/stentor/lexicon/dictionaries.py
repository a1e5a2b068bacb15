"""Dictionaries: made, changed into new versions, and found again for a text."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Sequence

import msgspec
import uuid_utils

from stentor.contract import DictionaryLocator
from stentor.errors import SpeechError, invalid
from stentor.lexicon.body import check_count
from stentor.lexicon.ids import (
    DICTIONARY_PREFIX,
    VERSION_PREFIX,
    is_dictionary_id,
    is_version_id,
)
from stentor.lexicon.lexicon import Lexicon
from stentor.lexicon.rules import DEFAULT_LIMITS, Limits, Rule
from stentor.lexicon.store import DictionaryRecord, DictionaryStore, VersionRecord

MAX_LOCATORS = 10
KEPT_RULES = 100_000
"""How many prepared rules are kept in memory; one takes about a kilobyte."""
ARCHIVED_MS = 7 * 24 * 3600 * 1000
"""How long a deleted dictionary is kept for jobs that were accepted before."""

# Two who change a dictionary at once; more in a row than this is not by chance.
_TRIES = 20

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(tuple[Rule, ...])


class Dictionaries:
    """All dictionaries, each of which belongs to one owner."""

    def __init__(self, store: DictionaryStore, limits: Limits = DEFAULT_LIMITS) -> None:
        self.store = store
        self.limits = limits
        self._kept: OrderedDict[str, Lexicon] = OrderedDict()

    async def create(
        self,
        owner: str,
        name: str,
        rules: Sequence[Rule],
        now_ms: int,
        *,
        description: str | None = None,
    ) -> DictionaryRecord:
        """Make a dictionary with a first version; it is on disk when this returns."""
        made = DictionaryRecord(
            id=DICTIONARY_PREFIX + uuid_utils.uuid7().hex,
            owner=owner,
            name=name,
            description=description,
            created_ms=now_ms,
            version_id=_new_version_id(),
            version_ms=now_ms,
            rules_count=len(rules),
        )
        await self.store.create(made, await asyncio.to_thread(_encoder.encode, rules))
        return made

    async def replace(
        self, dictionary_id: str, owner: str, rules: Sequence[Rule], now_ms: int
    ) -> VersionRecord:
        """Make a version of these rules alone.

        Raises:
            SpeechError: 404.
        """
        return await self._change(dictionary_id, owner, now_ms, rules, None)

    async def change(
        self,
        dictionary_id: str,
        owner: str,
        now_ms: int,
        *,
        add: Sequence[Rule] = (),
        remove: Collection[str] = (),
    ) -> VersionRecord:
        """Make a version of the newest one's rules with some of them changed.

        Args:
            add: at the end, in place of the rules that there are for the same graphemes.
            remove: graphemes whose rules are left out.

        Raises:
            SpeechError: 404; or 400: there is no rule for a grapheme in `remove`, or there would be
                too many rules.
        """
        return await self._change(dictionary_id, owner, now_ms, add, remove)

    async def get(self, dictionary_id: str, owner: str) -> DictionaryRecord:
        """A dictionary.

        Raises:
            SpeechError: 404.
        """
        found = await self.store.get(dictionary_id, owner)
        if found is None:
            raise no_such_dictionary()
        return found

    async def get_version(
        self, dictionary_id: str, owner: str, version_id: str
    ) -> tuple[VersionRecord, tuple[Rule, ...]]:
        """A version and its rules.

        Raises:
            SpeechError: 404.
        """
        found = await self.store.get_version(dictionary_id, owner, version_id)
        if found is None:
            raise no_such_version()
        return found, (await self._load(found)).rules

    async def archive(self, dictionary_id: str, owner: str, now_ms: int) -> None:
        """Take a dictionary away from its owner; jobs that were accepted with it can go on.

        Raises:
            SpeechError: 404.
        """
        if not await self.store.archive(dictionary_id, owner, now_ms):
            raise no_such_dictionary()

    async def purge(self, now_ms: int) -> int:
        """Forget what was archived long enough ago; returns how many."""
        return await self.store.purge(now_ms - ARCHIVED_MS)

    async def resolve(
        self, owner: str, locators: Sequence[DictionaryLocator], *, archived: bool = False
    ) -> list[Lexicon]:
        """The dictionaries that a request names, in its order, by default in their newest version.

        A job that must say the same at every attempt keeps `version_id` of what it was given.

        Args:
            archived: take archived dictionaries too, for a job that was accepted before.

        Raises:
            SpeechError: 400 or 404 that names the locator.
        """
        field = "pronunciation_dictionary_locators"
        if len(locators) > MAX_LOCATORS:
            raise invalid(
                f"{field}: expected at most {MAX_LOCATORS} dictionaries, got {len(locators)}",
                param=field,
            )
        found = []
        for number, one in enumerate(locators):
            version = None
            if is_dictionary_id(one.pronunciation_dictionary_id) and (
                one.version_id is None or is_version_id(one.version_id)
            ):
                version = await self.store.get_version(
                    one.pronunciation_dictionary_id, owner, one.version_id, archived=archived
                )
            if version is None:
                place = f"{field}[{number}]"
                what = f"dictionary {one.pronunciation_dictionary_id[:80]!r}"
                if one.version_id is not None:
                    what += f" with a version {one.version_id[:80]!r}"
                raise SpeechError(
                    404,
                    "dictionary_not_found",
                    f"{place}: there is no {what}: it is unknown, deleted or another caller's",
                    param=place,
                )
            found.append(await self._load(version))
        return found

    async def _change(
        self,
        dictionary_id: str,
        owner: str,
        now_ms: int,
        add: Sequence[Rule],
        remove: Collection[str] | None,
    ) -> VersionRecord:
        for _ in range(_TRIES):
            newest = await self.store.get_version(dictionary_id, owner)
            if newest is None:
                raise no_such_dictionary()
            rules = add
            if remove is not None:
                before = (await self._load(newest)).rules
                rules = await asyncio.to_thread(_changed, before, add, remove)
                check_count(len(rules), "add", self.limits)
            version = VersionRecord(
                id=_new_version_id(),
                dictionary_id=dictionary_id,
                created_ms=now_ms,
                rules_count=len(rules),
            )
            encoded = await asyncio.to_thread(_encoder.encode, rules)
            if await self.store.add_version(version, encoded, owner, after=newest.id):
                return version
        raise SpeechError(
            409,
            "dictionary_changed",
            "others change this dictionary all the time; try again",
        )

    async def _load(self, version: VersionRecord) -> Lexicon:
        kept = self._kept
        if version.id in kept:
            kept.move_to_end(version.id)
            return kept[version.id]
        encoded = await self.store.get_rules(version.id)
        if encoded is None:
            raise no_such_version()
        rules = await asyncio.to_thread(_decoder.decode, encoded)
        lexicon = kept[version.id] = Lexicon(rules, version.id)
        while len(kept) > 1 and sum(len(one.rules) for one in kept.values()) > KEPT_RULES:
            kept.popitem(last=False)
        return lexicon


def no_such_dictionary() -> SpeechError:
    """The one error for every reason why a dictionary cannot be seen."""
    return SpeechError(
        404,
        "dictionary_not_found",
        "there is no such dictionary: it is unknown, deleted or another caller's",
    )


def no_such_version() -> SpeechError:
    """The one error for every reason why a version cannot be seen."""
    return SpeechError(
        404,
        "dictionary_version_not_found",
        "there is no such version of a dictionary: it is unknown, deleted or another caller's",
    )


def _changed(
    before: Sequence[Rule], add: Sequence[Rule], remove: Collection[str]
) -> tuple[Rule, ...]:
    graphemes = {rule.grapheme for rule in before}
    for number, one in enumerate(remove):
        if one not in graphemes:
            place = f"remove[{number}]"
            raise invalid(f"{place}: there is no rule for {one[:80]!r}", param=place)
    gone = {*remove, *(rule.grapheme for rule in add)}
    return (*(rule for rule in before if rule.grapheme not in gone), *add)


def _new_version_id() -> str:
    return VERSION_PREFIX + uuid_utils.uuid7().hex
