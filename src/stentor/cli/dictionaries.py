"""`stentor dictionaries`: pronunciation dictionaries on a running server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from stentor.cli import AsJson, CallerKey, ServerUrl
from stentor.cli.client import DEFAULT_URL, Client, ClientError
from stentor.cli.files import appearing
from stentor.lexicon.contract import (
    DICTIONARIES_PATH,
    AliasRule,
    DictionaryVersion,
    PronunciationDictionary,
    PronunciationDictionaryList,
    PronunciationRule,
)

dictionaries = App(name="dictionaries", help="Pronunciation dictionaries on a running server.")

DictionaryId = Annotated[str, Parameter(help="The id of the dictionary: pd_...")]
VersionId = Annotated[
    str | None, Parameter(name="--version", help="A version: pdv_...; the newest if left out.")
]

T = TypeVar("T")


@dictionaries.command(name="list")
def list_dictionaries(
    *,
    limit: Annotated[int, Parameter(help="How many of the newest, 1 to 100.")] = 20,
    as_json: AsJson = False,
    url: ServerUrl = DEFAULT_URL,
    key: CallerKey = None,
) -> None:
    """List the newest dictionaries."""
    raw = Client(url, key).call("GET", f"{DICTIONARIES_PATH}?{urlencode({'limit': limit})}")
    if _printed(raw, as_json):
        return
    table = Table(Column("dictionary", no_wrap=True), "name", "rules", "changed")
    for one in _decode(raw, PronunciationDictionaryList).data:
        changed = f"{one.updated_at.astimezone():%Y-%m-%d %H:%M}"
        table.add_row(one.id, Text(one.name), str(one.version_rules_num), changed)
    Console().print(table)


@dictionaries.command
def show(
    dictionary_id: DictionaryId,
    *,
    version: VersionId = None,
    as_json: AsJson = False,
    url: ServerUrl = DEFAULT_URL,
    key: CallerKey = None,
) -> None:
    """Print the rules of a dictionary."""
    raw = Client(url, key).call("GET", _version_path(Client(url, key), dictionary_id, version))
    if _printed(raw, as_json):
        return
    found = _decode(raw, DictionaryVersion)
    print(f"{found.pronunciation_dictionary_id}  {found.version_id}")
    table = Table("written", "spoken", "case", "part of words", "language")
    for rule in found.rules or []:
        spoken = rule.alias if isinstance(rule, AliasRule) else f"/{rule.phoneme}/"
        table.add_row(
            Text(rule.string_to_replace),
            Text(spoken),
            "as written" if rule.case_sensitive else "any",
            "no" if rule.word_boundaries else "yes",
            rule.language or "",
        )
    Console().print(table)


@dictionaries.command
def add(
    file: Annotated[
        Path | None,
        Parameter(help="A PLS document, or rules in JSON; - for stdin.", allow_leading_hyphen=True),
    ] = None,
    *,
    word: Annotated[str | None, Parameter(help="Instead of a file: what is written.")] = None,
    alias: Annotated[str | None, Parameter(help="What is read in place of --word.")] = None,
    phoneme: Annotated[str | None, Parameter(help="How --word is pronounced.")] = None,
    alphabet: Annotated[str, Parameter(help="Of --phoneme: ipa, cmu-arpabet or x-sampa.")] = "ipa",
    to: Annotated[
        str | None, Parameter(help="A dictionary to put the rules into; a new one if left out.")
    ] = None,
    replace: Annotated[
        bool, Parameter(negative="", help="Take the place of all rules of the dictionary --to.")
    ] = False,
    name: Annotated[
        str | None, Parameter(help="What a new dictionary is called; the file's name if left out.")
    ] = None,
    url: ServerUrl = DEFAULT_URL,
    key: CallerKey = None,
) -> None:
    """Make a dictionary, or a new version of one, of a file or of a single word."""
    if (file is None) == (word is None):
        raise ClientError("give either a file or --word, and not both")
    if word is not None:
        rules: list[Any] = [_rule(word, alias, phoneme, alphabet)]
    else:
        rules = _read_rules(_read(file))
    client = Client(url, key)
    if to is not None:
        path = f"{DICTIONARIES_PATH}/{quote(to, safe='')}/versions"
        body: dict[str, Any] = {"rules" if replace else "add": rules}
        made = _decode(client.call("POST", path, body), DictionaryVersion)
        print(f"{made.version_id}, rules: {made.version_rules_num}")
        return
    body = {"name": name or (word if file is None else file.stem), "rules": rules}
    new = _decode(client.call("POST", DICTIONARIES_PATH, body), PronunciationDictionary)
    print(f"{new.id}, rules: {new.version_rules_num}")


@dictionaries.command
def remove(
    dictionary_id: DictionaryId,
    *,
    word: Annotated[
        list[str] | None,
        Parameter(help="Remove only the rules for this; may be given several times."),
    ] = None,
    url: ServerUrl = DEFAULT_URL,
    key: CallerKey = None,
) -> None:
    """Delete a dictionary, or make a version of it without some words."""
    client = Client(url, key)
    path = f"{DICTIONARIES_PATH}/{quote(dictionary_id, safe='')}"
    if not word:
        client.call("DELETE", path)
        print(f"{dictionary_id} is deleted")
        return
    made = _decode(client.call("POST", f"{path}/versions", {"remove": word}), DictionaryVersion)
    print(f"{made.version_id}, rules: {made.version_rules_num}")


@dictionaries.command
def download(
    dictionary_id: DictionaryId,
    *,
    version: VersionId = None,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="A file; stdout if left out.")
    ] = None,
    file_format: Annotated[
        Literal["pls", "json"], Parameter(name="--format", help="PLS 1.0, or rules in JSON.")
    ] = "pls",
    url: ServerUrl = DEFAULT_URL,
    key: CallerKey = None,
) -> None:
    """Write a dictionary as a file."""
    client = Client(url, key)
    path = _version_path(client, dictionary_id, version)
    raw = client.call("GET", f"{path}?format={file_format}")
    if file_format == "json":
        raw = msgspec.json.format(raw, indent=2) + b"\n"
    if output is None:
        sys.stdout.buffer.write(raw)
        return
    try:
        with appearing(output) as part:
            part.write_bytes(raw)
    except OSError as error:
        raise ClientError(f"{output} cannot be written: {error.strerror}") from error
    print(output)


def _version_path(client: Client, dictionary_id: str, version: str | None) -> str:
    path = f"{DICTIONARIES_PATH}/{quote(dictionary_id, safe='')}"
    if version is None:
        version = _decode(client.call("GET", path), PronunciationDictionary).version_id
    return f"{path}/versions/{quote(version, safe='')}"


def _rule(word: str, alias: str | None, phoneme: str | None, alphabet: str) -> dict[str, Any]:
    if (alias is None) == (phoneme is None):
        raise ClientError("with --word, give either --alias or --phoneme")
    if alias is not None:
        return {"type": "alias", "string_to_replace": word, "alias": alias}
    return {
        "type": "phoneme",
        "string_to_replace": word,
        "phoneme": phoneme,
        "alphabet": alphabet,
    }


def _read_rules(data: bytes) -> list[Any]:
    """The rules in a PLS document or in JSON; the server has the last word on them."""
    from stentor.errors import SpeechError
    from stentor.lexicon.body import show_rule
    from stentor.lexicon.pls import parse_pls

    if data.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<"):
        try:
            rules: list[PronunciationRule] = [show_rule(rule) for rule in parse_pls(data)]
        except SpeechError as error:
            raise ClientError(error.message) from error
        return rules
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ClientError(f"this is neither a PLS document nor JSON: {error}") from error
    if isinstance(found, dict):
        found = found.get("rules")
    if not isinstance(found, list):
        raise ClientError('the JSON has no rules; expected a list, or {"rules": [...]}')
    return found


def _read(file: Path | None) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else Path(str(file)).read_bytes()
    except OSError as error:
        raise ClientError(f"{file} cannot be read: {error.strerror}") from error


def _printed(raw: bytes, as_json: bool) -> bool:
    """Print the answer as JSON, if that was asked for."""
    if as_json:
        print(msgspec.json.format(raw, indent=2).decode())
    return as_json


def _decode(raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise ClientError(f"the server's answer is not understood: {error}") from error
