"""Where secrets come from, and that no error shows one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from config.loading import environment_error, error_of
from stentor.config import load

KEY = "correct-horse"
ALICE = '[keys.alice]\nvalue = "{}"'
VENDOR = '[providers.openai]\napi_key = "{}"'


def test_a_secret_is_read_from_the_variable_that_it_names(file: Path) -> None:
    file.write_text(ALICE.format("env:STENTOR_ALICE"))
    config = load(file, {"STENTOR_ALICE": KEY})
    assert config.keys["alice"].value.reveal() == KEY


def test_a_secret_whose_variable_is_not_set_names_option_line_and_variable(file: Path) -> None:
    assert error_of(file, ALICE.format("env:ALICE")) == (
        "stentor.toml:2: [keys.alice] value: the environment variable ALICE is not set"
    )


def test_a_variable_that_holds_no_secret_is_named_and_not_shown(file: Path) -> None:
    assert error_of(file, ALICE.format("env:ALICE"), ALICE="two words") == (
        "stentor.toml:2: [keys.alice] value: the environment variable ALICE holds something else "
        "than at least 8 visible ASCII characters"
    )
    assert error_of(file, ALICE.format("env:ALICE"), ALICE="") == (
        "stentor.toml:2: [keys.alice] value: the environment variable ALICE is empty"
    )


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_secret_is_read_from_a_file_beside_the_configuration_without_its_line_end(
    file: Path, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file.parent / "secrets").mkdir()
    monkeypatch.chdir(file.parent / "secrets")
    (file.parent / "secrets" / "alice").write_bytes((KEY + end).encode())
    file.write_text(ALICE.format("file:secrets/alice"))
    assert load(file, {}).keys["alice"].value.reveal() == KEY
    file.write_text(ALICE.format("file:~/alice"))
    (file.parent / "home").mkdir()
    (file.parent / "home" / "alice").write_bytes(b"\xef\xbb\xbf" + (KEY + end).encode())
    assert load(file, {}).keys["alice"].value.reveal() == KEY


def test_a_file_that_a_variable_names_is_looked_for_in_the_working_directory(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    (file.parent / "alice").write_text(KEY)
    config = load(None, {"STENTOR_KEYS": '{ alice = { value = "file:alice" } }'})
    assert config.keys["alice"].value.reveal() == KEY


def secret_file_error(file: Path, content: bytes) -> str:
    (file.parent / "secret").write_bytes(content)
    return error_of(file, ALICE.format("file:secret")).removeprefix(
        "stentor.toml:2: [keys.alice] value: "
    )


@pytest.mark.parametrize(
    "content",
    [b"short", b"two words", b"one-and-\ntwo-lines", "schlüssel-eins".encode(), b"nul-\0-inside"],
)
def test_a_file_that_holds_no_secret_is_named_and_not_shown(file: Path, content: bytes) -> None:
    assert secret_file_error(file, content) == (
        "the file secret holds something else than at least 8 visible ASCII characters"
    )


def test_a_file_that_cannot_be_a_secret_is_refused_with_the_reason(file: Path) -> None:
    assert secret_file_error(file, b"") == "the file secret is empty"
    assert secret_file_error(file, b"\n") == "the file secret is empty"
    assert secret_file_error(file, b"caf\xe9-and-more") == "the file secret is not text in UTF-8"
    assert secret_file_error(file, b"x" * 65_537) == "the file secret is larger than 65536 bytes"


def test_a_file_that_cannot_be_read_is_named_with_the_reason(file: Path) -> None:
    place = "stentor.toml:2: [keys.alice] value: "
    (file.parent / "folder").mkdir()
    assert error_of(file, ALICE.format("file:none")) == (
        f"{place}the file none cannot be read: No such file or directory"
    )
    assert error_of(file, ALICE.format("file:folder")) == (
        f"{place}the file folder cannot be read: Is a directory"
    )
    for path in ("", "a\\u0000b"):
        assert error_of(file, ALICE.format(f"file:{path}")) == (
            f"{place}expected file:PATH with a path"
        )
    assert error_of(file, ALICE.format("file:~nobody-at-all/x")) == (
        f"{place}the home folder ~nobody-at-all is not known"
    )


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root reads everything")
def test_a_file_of_somebody_else_is_refused(file: Path) -> None:
    secret = file.parent / "secret"
    secret.write_text(KEY)
    secret.chmod(0)
    assert error_of(file, ALICE.format("file:secret")).endswith(
        "the file secret cannot be read: Permission denied"
    )


@pytest.mark.parametrize("value", ["short", "with a space", "ends-in-newline\\n", "schlüssel-eins"])
def test_a_key_that_no_caller_could_send_is_refused_without_showing_it(
    file: Path, value: str
) -> None:
    assert error_of(file, ALICE.format(value)) == (
        "stentor.toml:2: [keys.alice] value: "
        "expected at least 8 visible ASCII characters, or env:NAME or file:PATH"
    )


def test_a_vendors_key_may_be_short_or_a_whole_document(file: Path) -> None:
    file.write_text(VENDOR.format("k"))
    key = load(file, {}).providers.named["openai"].api_key
    assert key is not None and key.reveal() == "k"

    document = json.dumps({"type": "service_account", "private_key": "-----\nA b\n"}, indent=2)
    (file.parent / "account.json").write_text(f"{document}\n")
    file.write_text(VENDOR.format("file:account.json"))
    key = load(file, {}).providers.named["openai"].api_key
    assert key is not None and key.reveal() == document


@pytest.mark.parametrize("value", ["", " k", "k\\n", "k\\u0000k", "k\\u200bk", "k" * 65_537])
def test_a_vendors_key_that_cannot_be_one_is_refused_without_showing_it(
    file: Path, value: str
) -> None:
    assert error_of(file, VENDOR.format(value)) == (
        "stentor.toml:2: [providers.openai] api_key: expected 1 to 65536 printable ASCII "
        "characters without blanks around them, or env:NAME or file:PATH"
    )


HIDDEN = "sk-hidden"


@pytest.mark.parametrize(
    "text",
    [
        f'[providers]\nopenai = "{HIDDEN}"',
        f'[providers.openai]\napi_kee = "{HIDDEN}"',
        f'[providers.openai]\napi_key = ["{HIDDEN}"]',
        f'[providers.openai]\napi_key = {{ value = "{HIDDEN}" }}',
        f'[providers.openai]\napi_key = "{HIDDEN} "',
        f'[providers.openai]\nkeys = "{HIDDEN}"',
        f'[providers.openai]\nkeys = ["{HIDDEN}"]',
        f'[providers.openai]\nkeys = [{{ key = "{HIDDEN}" }}]',
        f'[providers.openai]\nkeys = [["{HIDDEN}"]]',
        f'[providers.openai]\noptions = "{HIDDEN}"',
        f'[providers.openai]\nprices = "{HIDDEN}"',
        f'[providers.openai]\napi_key = "{HIDDEN}"\nkeys = [{{ value = "{HIDDEN}" }}]',
        f'[providers.openai]\nbase_url = "{HIDDEN}"',
        f'[providers.openai]\nbase_url = "https://example.com/?key={HIDDEN}"',
        f'[providers.openai]\nbase_url = "https://me:{HIDDEN}@:80"',
        f'[webhooks.hook]\nurl = "{HIDDEN}"\nsecret = "{HIDDEN}"',
    ],
)
def test_a_key_in_the_wrong_place_is_not_shown_in_any_error(file: Path, text: str) -> None:
    assert "hidden" not in error_of(file, text)


def test_a_key_in_a_variable_of_a_table_is_not_shown_in_any_error() -> None:
    assert "hidden" not in environment_error(STENTOR_PROVIDERS=HIDDEN)
    assert "hidden" not in environment_error(STENTOR_PROVIDERS=f'{{ openai = "{HIDDEN}" }}')
    assert "hidden" not in environment_error(
        STENTOR_PROVIDERS=f'{{ openai = {{ keys = "{HIDDEN}" }} }}'
    )


def test_a_vendors_keys_are_never_printed(file: Path) -> None:
    file.write_text(f'[providers.a]\napi_key = "{HIDDEN}"\n[[providers.b.keys]]\nvalue="{HIDDEN}"')
    config = load(file, {})
    assert "hidden" not in f"{config!r} {config} {config.providers.named['b'].labelled_keys}"
