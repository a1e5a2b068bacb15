"""Loading the configuration: what it accepts, which source wins, and what its errors say."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.loading import environment_error, error_of
from stentor.config import Config, ConfigError, Key, Secret, load
from stentor.config.options import options

KEY = "correct-horse"


def test_nothing_configured_gives_the_defaults(home: Path) -> None:
    config = load(None, {})
    assert config == Config()
    assert config.server.port == 8080
    assert config.data_dir.is_relative_to(home)


def test_a_file_sets_every_kind_of_option(file: Path) -> None:
    file.write_text(
        f"""
        [server]
        port = 0
        allow_unauthenticated = true
        [logging]
        level = "debug"
        [providers]
        piper = {{ enabled = false }}
        [models]
        "tts-1" = "piper/en_US-joe-medium"
        [keys.alice]
        value = "{KEY}"
        """
    )
    config = load(file, {})
    assert config.server.port == 0
    assert config.server.allow_unauthenticated
    assert config.logging.level == "debug"
    assert not config.providers.piper.enabled
    assert config.models == {"tts-1": "piper/en_US-joe-medium"}
    assert config.keys == {"alice": Key(Secret(KEY))}


def test_the_command_line_wins_over_the_environment_which_wins_over_the_file(file: Path) -> None:
    file.write_text("[server]\nport = 1\n[jobs]\nconcurrency = 1\nqueue_limit = 1\n")
    environ = {"STENTOR_SERVER_PORT": "2", "STENTOR_JOBS_CONCURRENCY": "2"}
    config = load(file, environ, {"server.port": 3})
    assert (config.server.port, config.jobs.concurrency, config.jobs.queue_limit) == (3, 2, 1)


def test_the_file_is_the_given_one_else_the_variables_else_the_users(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_config_path", lambda app: tmp_path / "user" / app)
    users = tmp_path / "user" / "stentor" / "stentor.toml"
    users.parent.mkdir(parents=True)
    named = tmp_path / "named.toml"
    for place, port in ((file, 1), (named, 2), (users, 3)):
        place.write_text(f"[server]\nport = {port}")
    environ = {"STENTOR_CONFIG": str(named)}
    assert load(file, environ).server.port == 1
    assert load(None, environ).server.port == 2
    assert load(None, {}).server.port == 3


def test_a_named_file_that_is_missing_is_an_error(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"stentor\.toml: cannot be read: No such file"):
        load(file, {})


def test_a_file_written_by_a_windows_editor_is_read_and_its_lines_are_counted(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf[server]\r\nport = 9000\r\n")
    assert load(file, {}).server.port == 9000
    file.write_bytes(b"\xef\xbb\xbf[server]\r\n\r\nprot = 9000\r\n")
    with pytest.raises(ConfigError, match=r"stentor\.toml:3: \[server\] prot"):
        load(file, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "\n[server]\nprot = 1",
            'stentor.toml:3: [server] prot: unknown option; did you mean "port"?',
        ),
        ("[serer]\nport = 1", 'stentor.toml:1: serer: unknown section; did you mean "server"?'),
        ("port = 1", "stentor.toml:1: port: unknown option"),
        ("server = 1", "stentor.toml:1: server: expected a TOML table"),
        ("[[server]]", "stentor.toml:1: server: expected a TOML table"),
        (
            '[jobs]\n\nqueue_limit = "many"',
            "stentor.toml:3: [jobs] queue_limit: "
            'expected an integer from 1 to 10000000, got "many"',
        ),
        (
            "[jobs]\nconcurrency = true",
            "stentor.toml:2: [jobs] concurrency: expected an integer from 1 to 10000, got true",
        ),
        (
            "[engines]\nniceness = 20",
            "stentor.toml:2: [engines] niceness: expected an integer from 0 to 19, got 20",
        ),
        (
            "[engines]\npreload = 'no'",
            'stentor.toml:2: [engines] preload: expected true or false, got "no"',
        ),
        (
            "[logging]\nlevel = 'loud'",
            'stentor.toml:2: [logging] level: expected one of "debug", "info", "warning", '
            '"error", got "loud"',
        ),
        (
            "[server]\nhost = ''",
            'stentor.toml:2: [server] host: expected a text that is not empty, got ""',
        ),
        (
            "[storage]\ndata_dir = ''",
            'stentor.toml:2: [storage] data_dir: expected a path, got ""',
        ),
        (
            "[storage]\naudio_url = 'bucket'",
            "stentor.toml:2: [storage] audio_url: expected a URL such as s3://bucket/prefix, "
            'got "bucket"',
        ),
        (
            "[models]\ntts-1.hd = 'piper/joe'",
            'stentor.toml:2: [models] tts-1: expected a "provider/model", or a list of them, '
            "got a table",
        ),
        (
            "[models]\n'a/b' = 'piper/joe'",
            'stentor.toml:2: [models] a/b: expected an alias without slashes and spaces, got "a/b"',
        ),
        (
            "[jobs]\nmax_ttl_seconds = 60",
            "stentor.toml:2: [jobs] max_ttl_seconds: expected at least default_ttl_seconds, "
            "which is 3600, got 60",
        ),
        (
            "[providers.kokoro]\nmodel = 'kokoro.onnx'",
            "stentor.toml:2: [providers.kokoro] model: expected voices to be set as well",
        ),
        (
            "[providers.kokoro]\nvoices = 'voices.bin'",
            "stentor.toml:2: [providers.kokoro] voices: expected model to be set as well",
        ),
    ],
)
def test_an_error_names_the_line_the_option_and_what_was_expected(
    file: Path, text: str, message: str
) -> None:
    assert error_of(file, text) == message


def test_a_syntax_error_gives_line_and_column(file: Path) -> None:
    assert error_of(file, "[server]\nport 1").startswith("stentor.toml: not TOML: ")
    assert "line 2, column 6" in error_of(file, "[server]\nport 1")


def test_a_very_long_wrong_value_is_shown_in_part(file: Path) -> None:
    assert len(error_of(file, f"[server]\nport = '{'x' * 10_000}'")) < 200


@pytest.mark.parametrize("variable", sorted({option.variable for option in options()}))
def test_every_option_has_a_variable_of_its_own(variable: str) -> None:
    targets = {option.target for option in options() if option.variable == variable}
    assert len(targets) == 1
    assert environment_error(**{f"{variable}_": "1"}) == (
        f'{variable}_: unknown variable; did you mean "{variable}"?'
    )


@given(st.integers(0, 65_535), st.booleans(), st.text(st.characters(codec="ascii"), min_size=1))
def test_what_a_variable_says_is_what_the_option_gets(port: int, flag: bool, host: str) -> None:
    environ = {
        "STENTOR_SERVER_PORT": str(port),
        "STENTOR_SERVER_ALLOW_UNAUTHENTICATED": str(flag).lower(),
        "STENTOR_SERVER_HOST": host,
    }
    server = load(None, environ).server
    assert (server.port, server.allow_unauthenticated, server.host) == (port, flag, host)


def test_a_variable_with_a_table_adds_to_the_files_entries_and_replaces_them(file: Path) -> None:
    file.write_text('[models]\na = "piper/one"\nb = "piper/two"\n')
    config = load(file, {"STENTOR_MODELS": '{ b = "piper/three", c = "piper/four" }'})
    assert config.models == {"a": "piper/one", "b": "piper/three", "c": "piper/four"}


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load(None, {"STENTOR_SERVER_PORT": "", "STENTOR_CONFIG": ""}) == Config()


def test_a_wrong_value_in_the_environment_is_reported_with_its_variable() -> None:
    assert environment_error(STENTOR_SERVER_PORT="many") == (
        'STENTOR_SERVER_PORT: [server] port: expected an integer from 0 to 65535, got "many"'
    )
    assert environment_error(STENTOR_SERVER_PORT="1\n[jobs]") == (
        'STENTOR_SERVER_PORT: [server] port: expected an integer from 0 to 65535, got "1\\n[jobs]"'
    )
    assert environment_error(STENTOR_MODELS='{ a = "b" }') == (
        'STENTOR_MODELS: [models] a: expected a "provider/model", got "b"'
    )


def test_an_unknown_variable_stops_the_start_with_a_suggestion() -> None:
    assert environment_error(STENTOR_SERVER_PROT="1") == (
        'STENTOR_SERVER_PROT: unknown variable; did you mean "STENTOR_SERVER_PORT"?'
    )


def test_the_variables_of_a_kubernetes_service_named_stentor_are_no_options() -> None:
    environ = {
        "STENTOR_SERVICE_HOST": "10.0.0.1",
        "STENTOR_SERVICE_PORT": "8080",
        "STENTOR_SERVICE_PORT_HTTP": "8080",
        "STENTOR_PORT": "tcp://10.0.0.1:8080",
        "STENTOR_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "STENTOR_PORT_8080_TCP_PROTO": "tcp",
        "STENTOR_PORT_8080_TCP_PORT": "8080",
        "STENTOR_PORT_8080_TCP_ADDR": "10.0.0.1",
        "STENTOR_SERVER_PORT": "tcp://10.0.0.1:8080",
    }
    assert load(None, environ) == Config()
    assert environment_error(STENTOR_PORT="8080").startswith("STENTOR_PORT: unknown variable")


@pytest.mark.parametrize("value", [9000, "9000"])
def test_an_override_may_be_a_value_or_its_text(value: Any) -> None:
    assert load(None, {}, {"server.port": value}).server.port == 9000


def test_a_wrong_override_is_reported_as_the_command_lines() -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {}, {"server.port": 65_536})
    assert str(caught.value) == (
        "command line: [server] port: expected an integer from 0 to 65535, got 65536"
    )
    with pytest.raises(ConfigError, match='prot: unknown option; did you mean "port"'):
        load(None, {}, {"server.prot": 1})


def test_a_relative_path_starts_at_the_files_folder_or_at_the_working_directory(
    file: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("[storage]\ndata_dir = 'data'\n[providers.piper]\nvoices_dir = '~/voices'")
    elsewhere = file.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    config = load(Path("../stentor.toml"), {})
    assert config.data_dir.resolve() == file.parent / "data"
    assert config.data_dir.is_absolute()
    assert config.providers.piper.voices_dir == home / "voices"
    assert load(file, {"STENTOR_STORAGE_DATA_DIR": "data"}).data_dir == elsewhere / "data"
    assert load(file, {}, {"storage.data_dir": Path("x")}).data_dir == elsewhere / "x"


def test_a_home_folder_of_nobody_is_an_error_of_the_option(file: Path) -> None:
    assert error_of(file, "[storage]\ndata_dir = '~nobody-at-all/x'") == (
        "stentor.toml:2: [storage] data_dir: the home folder ~nobody-at-all is not known"
    )


def test_a_key_in_the_wrong_place_is_not_shown(file: Path) -> None:
    assert KEY not in error_of(file, f'[keys]\nalice = "{KEY}"')
    assert KEY not in environment_error(STENTOR_KEYS=KEY)
    assert KEY not in environment_error(STENTOR_KEYS=f'{{ alice = ["{KEY}"] }}')


def test_a_key_without_a_value_is_refused(file: Path) -> None:
    assert error_of(file, "\n[keys.alice]").startswith(
        "stentor.toml:2: [keys] alice: value is missing"
    )


@pytest.mark.parametrize("name", ["", "with space", "a.b", "x" * 65, "newline\\n"])
def test_a_key_whose_name_cannot_own_jobs_is_refused(file: Path, name: str) -> None:
    message = error_of(file, f'[keys."{name}"]\nvalue = "{KEY}"')
    assert "expected a name of 1 to 64 characters" in message


def test_two_keys_with_the_same_value_are_refused_also_across_sources(file: Path) -> None:
    alice = f'[keys.alice]\nvalue = "{KEY}"\n'
    assert error_of(file, f'{alice}[keys.bob]\nvalue = "{KEY}"') == (
        "stentor.toml:4: [keys.bob] value: the same value as that of [keys.alice]"
    )
    assert error_of(file, alice, STENTOR_KEYS=f'{{ bob = {{ value = "{KEY}" }} }}') == (
        "STENTOR_KEYS: [keys.bob] value: the same value as that of [keys.alice]"
    )


def test_a_contradiction_is_reported_where_the_winning_value_stands(file: Path) -> None:
    message = error_of(file, "[jobs]\nmax_ttl_seconds = 4000", STENTOR_JOBS_MAX_TTL_SECONDS="60")
    assert message.startswith("STENTOR_JOBS_MAX_TTL_SECONDS: [jobs] max_ttl_seconds: expected")


def test_a_secret_is_never_printed_or_encoded() -> None:
    config = load(None, {"STENTOR_KEYS": f'{{ alice = {{ value = "{KEY}" }} }}'})
    assert KEY not in f"{config!r} {config} {config.keys['alice'].value}"
    with pytest.raises(TypeError):
        msgspec.json.encode(config)


def test_a_configuration_survives_the_way_to_another_process() -> None:
    config = load(None, {"STENTOR_KEYS": f'{{ alice = {{ value = "{KEY}" }} }}'})
    assert pickle.loads(pickle.dumps(config)) == config
