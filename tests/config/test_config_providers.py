"""The vendors in the configuration: what their tables may say, and how mistakes are reported."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from config.loading import environment_error, error_of
from stentor.config import Config, Piper, Price, Provider, ProviderKey, Secret, load

FULL = """
[providers.openai]
enabled = false
type = "openai-compatible"
file = "vendors/mine.py"
base_url = "http://10.0.0.7:8000/v1"
models = ["orpheus", "org/model:v2"]
concurrency = 8
requests_per_minute = 300
characters_per_minute = 100_000
connect_timeout_seconds = 2.5
first_byte_timeout_seconds = 20
idle_timeout_seconds = 0.5
total_timeout_seconds = 86400
retries = 0
retry_seconds = 0
max_segment_chars = 400
keys = [
    { value = "one", weight = 3 },
    { value = "env:TWO", label = "spare" },
]
[providers.openai.options]
region = "eu-west-1"
[providers.openai.prices]
"tts-1" = { per_million_characters = 15 }
"tts-1.5" = { per_million_input_tokens = 0.6, per_million_output_tokens = 12.0 }
"""


def test_a_provider_of_any_name_has_every_option(file: Path) -> None:
    file.write_text(FULL)
    providers = load(file, {"TWO": "two"}).providers
    assert providers.piper == Piper()
    assert providers.named == {
        "openai": Provider(
            enabled=False,
            type="openai-compatible",
            file=file.parent / "vendors" / "mine.py",
            base_url="http://10.0.0.7:8000/v1",
            models=["orpheus", "org/model:v2"],
            concurrency=8,
            requests_per_minute=300,
            characters_per_minute=100_000,
            connect_timeout_seconds=2.5,
            first_byte_timeout_seconds=20,
            idle_timeout_seconds=0.5,
            total_timeout_seconds=86_400,
            retries=0,
            retry_seconds=0,
            max_segment_chars=400,
            keys=[
                ProviderKey(Secret("one"), weight=3),
                ProviderKey(Secret("two"), label="spare"),
            ],
            options={"region": "eu-west-1"},
            prices={
                "tts-1": Price(per_million_characters=15),
                "tts-1.5": Price(per_million_input_tokens=0.6, per_million_output_tokens=12),
            },
        )
    }


def test_an_empty_table_is_a_provider_with_the_defaults(file: Path) -> None:
    file.write_text('[providers.deepgram]\n[providers."my.openai_2-b"]\n')
    provider = Provider()
    assert load(file, {}).providers.named == {"deepgram": provider, "my.openai_2-b": provider}
    assert provider.enabled
    assert (provider.type, provider.api_key, provider.base_url) == (None, None, None)


def test_a_provider_may_be_called_what_the_schema_calls_its_field(file: Path) -> None:
    file.write_text('[providers.named]\ntype = "openai"\n[providers.named.options]\na = "b"\n')
    named = load(file, {}).providers.named
    assert named == {"named": Provider(type="openai", options={"a": "b"})}
    assert error_of(file, "\n[providers.named.openai]\nretries = 1") == (
        "stentor.toml:2: [providers.named] openai: unknown section"
    )


def test_a_configuration_with_providers_survives_the_way_to_another_process(file: Path) -> None:
    file.write_text(FULL)
    config = load(file, {"TWO": "two"})
    assert pickle.loads(pickle.dumps(config)) == config


def test_the_engines_in_this_machine_keep_options_of_their_own(file: Path) -> None:
    assert error_of(file, '[providers.piper]\napi_key = "k"') == (
        "stentor.toml:2: [providers.piper] api_key: unknown option"
    )
    assert error_of(file, '[providers.pipper]\nvoices_dir = "x"') == (
        "stentor.toml:2: [providers.pipper] voices_dir: unknown option"
    )


def test_keys_are_labelled_by_their_number_unless_they_have_a_label(file: Path) -> None:
    file.write_text(
        '[[providers.a.keys]]\nvalue = "1"\n'
        '[[providers.a.keys]]\nvalue = "2"\nlabel = "spare"\n'
        '[[providers.a.keys]]\nvalue = "3"\nweight = 0.5\n'
        '[providers.b]\napi_key = "4"\n'
        "[providers.c]\n"
    )
    named = load(file, {}).providers.named
    labels = {name: [key.label for key in one.labelled_keys] for name, one in named.items()}
    assert labels == {"a": ["key-1", "spare", "key-3"], "b": ["key-1"], "c": []}
    assert [key.weight for key in named["a"].labelled_keys] == [1, 1, 0.5]
    assert named["b"].labelled_keys[0].value.reveal() == "4"


KEYS = """
[[providers.openai.keys]]
value = "one"
label = "{first}"

[[providers.openai.keys]]
value = "two"
label = "{second}"

[[providers.openai.keys]]
value = "three"
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[providers]\nopenai = 1", "stentor.toml:2: [providers] openai: expected a TOML table"),
        ("[[providers.openai]]", "stentor.toml:1: [providers] openai: expected a TOML table"),
        (
            "[providers]\n\n'open/ai'.retries = 1",
            "stentor.toml:3: [providers] open/ai: expected a name of 1 to 64 characters out of "
            'A-Z a-z 0-9 _ . -, got "open/ai"',
        ),
        (
            '[providers."my.openai"]\nretry = 1',
            'stentor.toml:2: [providers."my.openai"] retry: unknown option; '
            'did you mean "retries"?',
        ),
        (
            "[providers.openai]\nretries = 4\nretry_second = 4",
            "stentor.toml:3: [providers.openai] retry_second: unknown option; "
            'did you mean "retry_seconds"?',
        ),
        (
            "[providers.openai.prises]",
            'stentor.toml:1: [providers.openai] prises: unknown section; did you mean "prices"?',
        ),
        (
            "[providers.openai]\nenabled = 'no'",
            'stentor.toml:2: [providers.openai] enabled: expected true or false, got "no"',
        ),
        (
            "[providers.openai]\ntype = 'open ai'",
            "stentor.toml:2: [providers.openai] type: expected a name of 1 to 64 characters out "
            'of A-Z a-z 0-9 _ . -, got "open ai"',
        ),
        (
            "[providers.openai]\nfile = ''",
            'stentor.toml:2: [providers.openai] file: expected a path, got ""',
        ),
        *(
            (
                f"[providers.openai]\nbase_url = '{url}'",
                "stentor.toml:2: [providers.openai] base_url: "
                "expected a URL such as https://api.example.com/v1",
            )
            for url in (
                "api.example.com",
                "ftp://example.com",
                "https://",
                "https://a.b/?c=d",
                "https://a.b/#c",
                "https://a.b/c d",
            )
        ),
        *(
            (
                f"[providers.openai]\nbase_url = 'http://{host}/v1'",
                "stentor.toml:2: [providers.openai] base_url: "
                "expected a URL whose host and port are valid",
            )
            for host in (":80", "[::1", "host:port", "host:0")
        ),
        (
            "[providers.openai]\nmodels = 'tts-2'",
            "stentor.toml:2: [providers.openai] models: expected a list whose items are each "
            "a model's name without spaces",
        ),
        (
            "[providers.openai]\nmodels = [\n  'tts-2',\n  'tts 3',\n]",
            "stentor.toml:2: [providers.openai] models[1]: expected a model's name without "
            'spaces, got "tts 3"',
        ),
        (
            "[providers.openai]\nmodels = [['tts-2']]",
            "stentor.toml:2: [providers.openai] models[0]: expected a model's name without "
            "spaces, got a list",
        ),
        (
            "[providers.openai]\nconcurrency = 10_001",
            "stentor.toml:2: [providers.openai] concurrency: "
            "expected an integer from 0 to 10000, got 10001",
        ),
        (
            "[providers.openai]\nretry_seconds = 3601",
            "stentor.toml:2: [providers.openai] retry_seconds: "
            "expected an integer from 0 to 3600, got 3601",
        ),
        *(
            (
                f"[providers.openai]\nconnect_timeout_seconds = {value}",
                "stentor.toml:2: [providers.openai] connect_timeout_seconds: "
                f"expected a number from 0.1 to 300, got {shown}",
            )
            for value, shown in (
                ("0", "0"),
                ("0.05", "0.05"),
                ("inf", "inf"),
                ("nan", "nan"),
                ("true", "true"),
                ("'10'", '"10"'),
            )
        ),
        (
            "[providers.openai]\noptions.region = 1",
            "stentor.toml:2: [providers.openai.options] region: expected a text, got 1",
        ),
        (
            "[providers.openai]\noptions = ['region']",
            "stentor.toml:2: [providers.openai] options: expected a TOML table",
        ),
        (
            "[providers.openai.prices]\n'tts-1' = 15",
            "stentor.toml:2: [providers.openai.prices] tts-1: expected a TOML table",
        ),
        (
            "[providers.openai.prices.'tts 1']",
            "stentor.toml:1: [providers.openai.prices] tts 1: expected a model's name without "
            'spaces, got "tts 1"',
        ),
        (
            "[providers.openai.prices.'tts-1.5']\nper_million_chars = 1",
            'stentor.toml:2: [providers.openai.prices."tts-1.5"] per_million_chars: '
            'unknown option; did you mean "per_million_characters"?',
        ),
        *(
            (
                f"[providers.openai.prices.tts-1]\nper_audio_minute = {value}",
                "stentor.toml:2: [providers.openai.prices.tts-1] per_audio_minute: "
                f"expected a number from 0 to 1000000, got {value}",
            )
            for value in ("-0.5", "nan", "inf")
        ),
        (
            "[providers.openai]\nkeys = { value = 'k' }",
            "stentor.toml:2: [providers.openai] keys: expected a list whose items are each "
            "a TOML table",
        ),
        (
            "[providers.openai]\nkeys = ['k']",
            "stentor.toml:2: [providers.openai] keys[0]: expected a TOML table",
        ),
        (
            "[[providers.openai.keys]]\nvalue = 'k'\n[[providers.openai.keys]]\nweight = 2",
            "stentor.toml:3: [providers.openai] keys[1]: value is missing; expected 1 to 65536 "
            "printable ASCII characters without blanks around them, or env:NAME or file:PATH",
        ),
        (
            "[[providers.openai.keys]]\nvalue = 'k'\n[[providers.openai.keys]]\nvalue = 'l'\n"
            "weight = 0",
            "stentor.toml:5: [providers.openai] keys[1].weight: "
            "expected a number above 0, up to 1000, got 0",
        ),
        (
            "[[providers.openai.keys]]\nvalue = 'k'\nwait = 1",
            "stentor.toml:3: [providers.openai] keys[0].wait: unknown option; "
            'did you mean "weight"?',
        ),
        (
            "[[providers.openai.keys]]\nvalue = 'k'\n[[providers.openai.keys]]\n\n"
            "value = 'env:MISSING'",
            "stentor.toml:5: [providers.openai] keys[1].value: "
            "the environment variable MISSING is not set",
        ),
        (
            "[[providers.openai.keys]]\nvalue = 'k'\nlabel = 'a b'",
            "stentor.toml:3: [providers.openai] keys[0].label: expected a name of 1 to 64 "
            'characters out of A-Z a-z 0-9 _ . -, got "a b"',
        ),
        (
            "[providers.openai]\napi_key = 'k'\nkeys = [{ value = 'l' }]",
            "stentor.toml:3: [providers.openai] keys: expected either api_key or keys, not both",
        ),
        (
            KEYS.format(first="same", second="same"),
            "stentor.toml:6: [providers.openai] keys[1]: "
            "the same label as that of keys[0], which is same",
        ),
        (
            KEYS.format(first="key-3", second="other"),
            "stentor.toml:10: [providers.openai] keys[2]: "
            "the same label as that of keys[0], which is key-3",
        ),
    ],
)
def test_a_mistake_is_reported_with_line_section_and_option(
    file: Path, text: str, message: str
) -> None:
    assert error_of(file, text) == message


def test_the_variable_of_the_table_adds_to_the_files_providers_and_options(file: Path) -> None:
    file.write_text('[providers.openai]\nretries = 1\nmodels = ["a"]\n[providers.b]\n')
    environ = {
        "STENTOR_PROVIDERS": '{ openai = { api_key = "env:K", models = ["b"] }, c = {}, '
        "piper = { enabled = false, voices_package = false } }",
        "STENTOR_PROVIDERS_PIPER_ENABLED": "true",
        "K": "key",
    }
    providers = load(file, environ).providers
    assert providers.named == {
        "openai": Provider(retries=1, models=["b"], api_key=Secret("key")),
        "b": Provider(),
        "c": Provider(),
    }
    assert providers.piper == Piper(enabled=True, voices_package=False)


def test_a_mistake_in_a_variable_or_on_the_command_line_is_reported_there(file: Path) -> None:
    assert environment_error(
        STENTOR_PROVIDERS="{ a = { keys = [{ value = 'k', weight = 0 }] } }"
    ) == (
        "STENTOR_PROVIDERS: [providers.a] keys[0].weight: "
        "expected a number above 0, up to 1000, got 0"
    )
    assert (
        environment_error(
            STENTOR_PROVIDERS="{ piper = { enabled = 1 } }", STENTOR_PROVIDERS_PIPER_ENABLED="true"
        )
        == "STENTOR_PROVIDERS: [providers.piper] enabled: expected true or false, got 1"
    )
    assert environment_error(STENTOR_PROVIDERS_OPENAI_API_KEY="k").startswith(
        "STENTOR_PROVIDERS_OPENAI_API_KEY: unknown variable"
    )
    file.write_text("[[providers.a.keys]]\nvalue = 'k'\n")
    assert (
        error_of(
            file,
            "[providers.a]\napi_key = 'k'",
            STENTOR_PROVIDERS="{ a = { keys = [{ value = 'k' }] } }",
        )
        == "STENTOR_PROVIDERS: [providers.a] keys: expected either api_key or keys, not both"
    )


def test_a_provider_can_be_set_from_the_command_line() -> None:
    config = load(None, {}, {"providers.openai.models": ["a"], "providers.openai.retries": "2"})
    assert config.providers.named == {"openai": Provider(models=["a"], retries=2)}


def test_no_provider_is_configured_by_default() -> None:
    assert Config().providers.named == {}
