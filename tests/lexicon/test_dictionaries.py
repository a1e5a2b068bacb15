"""Dictionaries and their versions, with every store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobs_support import NOW_MS
from stentor.contract import DictionaryLocator
from stentor.errors import SpeechError
from stentor.jobs.sqlite import SqliteStore
from stentor.lexicon.dictionaries import ARCHIVED_MS, Dictionaries, is_dictionary_id
from stentor.lexicon.rules import Limits, Rule
from stentor.lexicon.sqlite import SqliteDictionaries
from stentor.lexicon.store import DictionaryRecord, VersionRecord

A, B, C = Rule("a", alias="eh"), Rule("b", phonemes="biː"), Rule("c", alias="see")


@pytest.fixture
async def dictionaries(tmp_path: Path) -> AsyncIterator[Dictionaries]:
    opened = await SqliteStore.open(tmp_path / "jobs.db")
    store = SqliteDictionaries(opened.writer, opened.reader)
    yield Dictionaries(store, Limits(rules=4))
    await opened.close()


async def rules_of(
    dictionaries: Dictionaries, one: DictionaryRecord, version_id: str | None = None
) -> tuple[Rule, ...]:
    locator = DictionaryLocator(one.id, version_id)
    [lexicon] = await dictionaries.resolve(one.owner, [locator])
    return lexicon.rules


async def refused(attempt: object) -> SpeechError:
    with pytest.raises(SpeechError) as caught:
        await attempt  # type: ignore[misc]
    return caught.value


async def test_a_dictionary_is_found_as_it_was_made(dictionaries: Dictionaries) -> None:
    made = await dictionaries.create("ann", "Names", [A, B], NOW_MS, description="of people")
    assert is_dictionary_id(made.id)
    assert await dictionaries.get(made.id, "ann") == made
    assert (made.name, made.description, made.rules_count) == ("Names", "of people", 2)
    assert await rules_of(dictionaries, made) == (A, B)


async def test_a_change_makes_a_version_and_leaves_those_before(
    dictionaries: Dictionaries,
) -> None:
    made = await dictionaries.create("ann", "Names", [A, B], NOW_MS)
    new_a = Rule("a", phonemes="eɪ")
    second = await dictionaries.change(made.id, "ann", NOW_MS + 1, add=[new_a, C], remove=["b"])
    third = await dictionaries.replace(made.id, "ann", [B], NOW_MS + 2)
    assert await rules_of(dictionaries, made) == (B,)
    assert await rules_of(dictionaries, made, made.version_id) == (A, B)
    assert await rules_of(dictionaries, made, second.id) == (new_a, C)
    found = await dictionaries.get(made.id, "ann")
    assert (found.version_id, found.version_ms, found.rules_count) == (third.id, NOW_MS + 2, 1)
    listed = await dictionaries.store.list_versions(made.id, "ann", limit=9)
    assert [one.id for one in listed] == [third.id, second.id, made.version_id]
    older = await dictionaries.store.list_versions(made.id, "ann", limit=9, after=second.id)
    assert [one.id for one in older] == [made.version_id]


async def test_changes_at_the_same_time_are_all_made(dictionaries: Dictionaries) -> None:
    made = await dictionaries.create("ann", "Names", [], NOW_MS)
    await asyncio.gather(
        *(dictionaries.change(made.id, "ann", NOW_MS, add=[rule]) for rule in (A, B, C))
    )
    assert set(await rules_of(dictionaries, made)) == {A, B, C}
    assert len(await dictionaries.store.list_versions(made.id, "ann", limit=9)) == 4


async def test_a_change_that_cannot_be_made_is_refused(dictionaries: Dictionaries) -> None:
    made = await dictionaries.create("ann", "Names", [A, B], NOW_MS)
    error = await refused(dictionaries.change(made.id, "ann", NOW_MS, remove=["a", "x"]))
    assert (error.status_code, error.param) == (400, "remove[1]")
    more = [Rule(one, alias="x") for one in "cde"]
    error = await refused(dictionaries.change(made.id, "ann", NOW_MS, add=more))
    assert (error.status_code, error.code) == (400, "too_many_rules")
    assert await rules_of(dictionaries, made) == (A, B)


async def test_nobody_sees_or_changes_what_is_another_owners(dictionaries: Dictionaries) -> None:
    made = await dictionaries.create("ann", "Names", [A], NOW_MS)
    locator = DictionaryLocator(made.id)
    for attempt in (
        dictionaries.get(made.id, "bob"),
        dictionaries.get_version(made.id, "bob", made.version_id),
        dictionaries.change(made.id, "bob", NOW_MS, add=[B]),
        dictionaries.replace(made.id, "bob", [B], NOW_MS),
        dictionaries.archive(made.id, "bob", NOW_MS),
        dictionaries.resolve("bob", [locator]),
    ):
        assert (await refused(attempt)).status_code == 404
    store = dictionaries.store
    assert await store.list_dictionaries("bob", limit=9) == []
    assert await store.list_versions(made.id, "bob", limit=9) == []
    assert await rules_of(dictionaries, made) == (A,)


async def test_dictionaries_are_listed_newest_first_page_by_page(
    dictionaries: Dictionaries,
) -> None:
    made = [await dictionaries.create("ann", str(n), [A], NOW_MS) for n in range(5)]
    await dictionaries.create("bob", "other", [A], NOW_MS)
    await dictionaries.archive(made[3].id, "ann", NOW_MS)
    await dictionaries.change(made[1].id, "ann", NOW_MS, add=[B])
    store = dictionaries.store
    first = await store.list_dictionaries("ann", limit=2)
    rest = await store.list_dictionaries("ann", limit=9, after=first[-1].id)
    assert [one.name for one in (*first, *rest)] == ["4", "2", "1", "0"]
    assert [one.rules_count for one in (*first, *rest)] == [1, 1, 2, 1]
    assert await store.list_dictionaries("ann", limit=9, after="pd_unknown") == []


async def test_a_deleted_dictionary_is_gone_but_for_jobs_that_were_accepted_before(
    dictionaries: Dictionaries,
) -> None:
    made = await dictionaries.create("ann", "Names", [A], NOW_MS)
    locator = DictionaryLocator(made.id, made.version_id)
    await dictionaries.archive(made.id, "ann", NOW_MS)
    assert (await refused(dictionaries.get(made.id, "ann"))).status_code == 404
    assert (await refused(dictionaries.archive(made.id, "ann", NOW_MS))).status_code == 404
    assert (await refused(dictionaries.resolve("ann", [locator]))).status_code == 404
    assert await dictionaries.store.list_versions(made.id, "ann", limit=9) == []
    late = VersionRecord(id="late", dictionary_id=made.id, created_ms=NOW_MS, rules_count=0)
    store = dictionaries.store
    assert not await store.add_version(late, b"[]", "ann", after=made.version_id)
    assert await dictionaries.purge(NOW_MS + ARCHIVED_MS) == 0
    [lexicon] = await dictionaries.resolve("ann", [locator], archived=True)
    assert (lexicon.rules, lexicon.version_id) == ((A,), made.version_id)
    assert await dictionaries.purge(NOW_MS + ARCHIVED_MS + 1) == 1
    error = await refused(dictionaries.resolve("ann", [locator], archived=True))
    assert error.status_code == 404
    assert await dictionaries.store.get_rules(made.version_id) is None


async def test_locators_are_resolved_in_their_order(dictionaries: Dictionaries) -> None:
    first = await dictionaries.create("ann", "1", [A], NOW_MS)
    second = await dictionaries.create("ann", "2", [B], NOW_MS)
    await dictionaries.change(second.id, "ann", NOW_MS, add=[C])
    found = await dictionaries.resolve(
        "ann", [DictionaryLocator(second.id, second.version_id), DictionaryLocator(first.id)]
    )
    assert [one.rules for one in found] == [(B,), (A,)]
    assert await dictionaries.resolve("ann", []) == []


async def test_a_locator_that_leads_nowhere_is_named(dictionaries: Dictionaries) -> None:
    first = await dictionaries.create("ann", "1", [A], NOW_MS)
    second = await dictionaries.create("ann", "2", [B], NOW_MS)
    sound = DictionaryLocator(first.id)
    for wrong in (
        DictionaryLocator("pd_unknown"),
        DictionaryLocator(f"pd_{'0' * 32}"),
        DictionaryLocator(first.id, "\ud800"),
        DictionaryLocator("\ud800"),
        DictionaryLocator(first.id, second.version_id),
    ):
        error = await refused(dictionaries.resolve("ann", [sound, wrong]))
        assert (error.status_code, error.param) == (404, "pronunciation_dictionary_locators[1]")
    error = await refused(dictionaries.resolve("ann", [sound] * 11))
    assert (error.status_code, error.param) == (400, "pronunciation_dictionary_locators")


async def test_a_prepared_dictionary_is_used_again(dictionaries: Dictionaries) -> None:
    made = await dictionaries.create("ann", "1", [A], NOW_MS)
    locators = [DictionaryLocator(made.id)]
    [once], [again] = [await dictionaries.resolve("ann", locators) for _ in range(2)]
    assert once is again


async def test_few_prepared_dictionaries_are_kept(
    dictionaries: Dictionaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stentor.lexicon.dictionaries.KEPT_RULES", 2)
    made = [await dictionaries.create("ann", str(n), [A], NOW_MS) for n in range(4)]
    for one in made:
        assert await rules_of(dictionaries, one) == (A,)
    assert list(dictionaries._kept) == [one.version_id for one in made[2:]]


async def test_no_statement_looks_at_every_row(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    opened = await SqliteStore.open(path)
    statements: list[str] = []
    for thread in (opened.writer, opened.reader):
        await thread.call(lambda connection: connection.set_trace_callback(statements.append))
    dictionaries = Dictionaries(SqliteDictionaries(opened.writer, opened.reader))
    made = await dictionaries.create("ann", "Names", [A], NOW_MS)
    changed = await dictionaries.change(made.id, "ann", NOW_MS, add=[B])
    await dictionaries.get(made.id, "ann")
    await dictionaries.resolve("ann", [DictionaryLocator(made.id, made.version_id)], archived=True)
    for after in (None, made.id):
        await dictionaries.store.list_dictionaries("ann", limit=9, after=after)
    for after in (None, changed.id):
        await dictionaries.store.list_versions(made.id, "ann", limit=9, after=after)
    await dictionaries.archive(made.id, "ann", NOW_MS)
    await dictionaries.purge(NOW_MS + ARCHIVED_MS + 1)
    await opened.close()
    connection = sqlite3.connect(path)
    planned = [one for one in statements if not one.startswith(("BEGIN", "COMMIT", "--"))]
    assert len(planned) >= 12
    for statement in planned:
        steps = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        assert not [step for *_, step in steps if step.startswith("SCAN")], statement
    connection.close()


async def test_dictionaries_outlive_the_store(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    opened = await SqliteStore.open(path)
    before = Dictionaries(SqliteDictionaries(opened.writer, opened.reader))
    made = await before.create("ann", "Names", [A, B], NOW_MS)
    await opened.close()
    opened = await SqliteStore.open(path)
    after = Dictionaries(SqliteDictionaries(opened.writer, opened.reader))
    assert await rules_of(after, made) == (A, B)
    await opened.close()
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="never changes"):
        connection.execute("UPDATE dictionary_versions SET rules = CAST('[]' AS BLOB)")
    connection.close()
