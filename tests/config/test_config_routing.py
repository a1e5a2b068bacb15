"""Aliases of models and voices, and what happens on failure, as the configuration says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.loading import environment_error, error_of
from stentor.config import Routing, WeightedModel, alias_targets, load


def test_an_alias_stands_for_a_model_or_for_several_with_weights(file: Path) -> None:
    file.write_text(
        """
        [models]
        one = "piper/joe"
        same = ["piper/joe"]
        several = [
            { model = "elevenlabs/eleven_v3", weight = 3 },
            "openai/tts-1",
            { model = "fish/org/s1" },
        ]
        [[models.tables]]
        model = "openai/tts-1-hd"
        weight = 0.5
        """
    )
    models = load(file, {}).models
    assert models["one"] == "piper/joe"
    assert {alias: alias_targets(value) for alias, value in models.items()} == {
        "one": [WeightedModel("piper/joe", 1)],
        "same": [WeightedModel("piper/joe", 1)],
        "several": [
            WeightedModel("elevenlabs/eleven_v3", 3),
            WeightedModel("openai/tts-1", 1),
            WeightedModel("fish/org/s1", 1),
        ],
        "tables": [WeightedModel("openai/tts-1-hd", 0.5)],
    }


def test_an_alias_in_the_environment_replaces_the_files_whole_list(file: Path) -> None:
    file.write_text('[models]\na = ["x/1", "x/2"]\nb = "x/3"\n')
    environ = {"STENTOR_MODELS": '{ a = [{ model = "y/1", weight = 2 }], b = ["y/2"] }'}
    assert load(file, environ).models == {"a": [WeightedModel("y/1", 2)], "b": ["y/2"]}


ITEM = 'expected a "provider/model" or a TOML table'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[models]\na = 'joe'",
            'stentor.toml:2: [models] a: expected a "provider/model", got "joe"',
        ),
        ("[models]\na = 5", 'stentor.toml:2: [models] a: expected a "provider/model", got 5'),
        (
            "[models]\na = { model = 'x/y' }",
            'stentor.toml:2: [models] a: expected a "provider/model", or a list of them, '
            "got a table",
        ),
        ("[models]\n\na = []", "stentor.toml:3: [models] a: expected a list that is not empty"),
        (
            "[models]\na = [\n'x/y',\n'z']",
            'stentor.toml:2: [models] a[1]: expected a "provider/model", got "z"',
        ),
        ("[models]\na = [['x/y']]", f"stentor.toml:2: [models] a[0]: {ITEM}, got a list"),
        (
            "[models]\na = [{ weight = 2 }]",
            'stentor.toml:2: [models] a[0]: model is missing; expected a "provider/model"',
        ),
        (
            "[models]\na = ['x/y', { modell = 'x/y' }]",
            'stentor.toml:2: [models] a[1].modell: unknown option; did you mean "model"?',
        ),
        *(
            (
                f"[[models.a]]\nmodel = 'x/y'\n[[models.a]]\nmodel = 'x/z'\nweight = {weight}",
                "stentor.toml:5: [models] a[1].weight: "
                f"expected a number above 0, up to 1000, got {weight}",
            )
            for weight in ("0", "-1", "1001", "nan", "inf")
        ),
    ],
)
def test_a_mistake_in_an_alias_is_reported_with_line_and_item(
    file: Path, text: str, message: str
) -> None:
    assert error_of(file, text) == message


def test_a_voice_has_a_name_at_each_provider_and_model(file: Path) -> None:
    file.write_text(
        """
        [voices.narrator]
        openai = "onyx"
        "openai/tts-1" = "fable"
        [voices."Zoë.2"]
        "my.openai" = "a voice/with anything"
        """
    )
    assert load(file, {"STENTOR_VOICES": '{ narrator = { openai = "ash" } }'}).voices == {
        "narrator": {"openai": "ash", "openai/tts-1": "fable"},
        "Zoë.2": {"my.openai": "a voice/with anything"},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[voices]\nnarrator = 'onyx'",
            "stentor.toml:2: [voices] narrator: expected a TOML table",
        ),
        (
            "[voices.'a b']",
            "stentor.toml:1: [voices] a b: expected a name of 1 to 64 characters without slashes "
            'and spaces, got "a b"',
        ),
        (
            "[voices.narrator]\n\n'open ai' = 'onyx'",
            "stentor.toml:3: [voices.narrator] open ai: expected the name of a provider or a "
            '"provider/model", got "open ai"',
        ),
        (
            "[voices.narrator]\n'openai/' = 'onyx'",
            "stentor.toml:2: [voices.narrator] openai/: expected the name of a provider or a "
            '"provider/model", got "openai/"',
        ),
        (
            "[voices.narrator]\nopenai = ''",
            'stentor.toml:2: [voices.narrator] openai: expected a text that is not empty, got ""',
        ),
        (
            "[voices.narrator]\nopenai.tts-1 = 'onyx'",
            "stentor.toml:2: [voices.narrator] openai: expected a text that is not empty, "
            "got a table",
        ),
    ],
)
def test_a_mistake_in_a_voice_is_reported_with_line_and_section(
    file: Path, text: str, message: str
) -> None:
    assert error_of(file, text) == message


def test_what_happens_on_failure_can_be_set(file: Path) -> None:
    file.write_text('[routing]\nfallback = "segment"\nretry_budget = 0\n')
    environ = {"STENTOR_ROUTING_BREAKER_SECONDS": "60"}
    assert load(file, environ).routing == Routing(
        fallback="segment",
        retry_budget=0,
        breaker_failures=5,
        breaker_seconds=60,
        voices_cache_seconds=3600,
    )
    assert environment_error(STENTOR_ROUTING_FALLBACK="text") == (
        'STENTOR_ROUTING_FALLBACK: [routing] fallback: expected one of "job", "segment", got "text"'
    )
