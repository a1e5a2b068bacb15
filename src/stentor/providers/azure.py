"""Azure OpenAI: OpenAI's speech models, as deployments of a resource of one's own.

Source: Azure OpenAI REST API preview reference, "Create speech"
(POST /openai/deployments/{deployment}/audio/speech).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote

import msgspec

from stentor.contract import Voice
from stentor.providers.base import Capabilities, Script, Settings
from stentor.providers.faults import ProviderError
from stentor.providers.openai import MODELS, SAMPLE_RATE, OpenAI, speech_body, speech_error
from stentor.providers.wire import Head, HttpCall
from stentor.secret import Secret

_API_VERSION = "2025-03-01-preview"
_RESOURCE = re.compile(r"[A-Za-z0-9-]{1,64}")
_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?")
_NEWEST = next(iter(MODELS))
_NO_SETTINGS = Settings()


class AzureOpenAI(OpenAI):
    """`POST /openai/deployments/{model}/audio/speech`; a request's model is a deployment.

    Raises:
        ValueError: neither `base_url` nor `options.resource` says where the resource is, or an
            option is wrong.
    """

    type = "azure"
    title = "Azure OpenAI"
    reference = "https://learn.microsoft.com/azure/ai-foundry/openai/reference-preview"
    base_url = ""
    key_variable = "AZURE_OPENAI_API_KEY"
    option_names: ClassVar[Mapping[str, str]] = {
        "resource": "name of the resource: https://RESOURCE.openai.azure.com; or give base_url",
        "api_version": f"version of the API; default: {_API_VERSION}",
        "deployments": "which model each deployment is of, as NAME=MODEL, separated by commas; "
        f"default: what is not named like a model is taken for {_NEWEST}",
    }

    def __init__(self, settings: Settings = _NO_SETTINGS) -> None:
        super().__init__(settings)
        self.own_server = False
        self.open_models = True
        self.needs_key = True
        resource = self.options.get("resource", "")
        if not self.base_url:
            if not resource:
                raise ValueError("options.resource: missing; expected the resource's name")
            if not _RESOURCE.fullmatch(resource):
                raise ValueError(f"options.resource: {resource!r} is not the name of a resource")
            self.base_url = f"https://{resource}.openai.azure.com"
        self._version = self.options.get("api_version", _API_VERSION)
        if not _VERSION.fullmatch(self._version):
            raise ValueError(
                f"options.api_version: {self._version!r} is no version such as {_API_VERSION}"
            )
        self._deployments = _deployments(self.options.get("deployments", ""))

    @property
    def models(self) -> Mapping[str, Capabilities]:
        names = self._deployments or {name: name for name in MODELS}
        return {name: self.capabilities(name) for name in names}

    def capabilities(self, model: str) -> Capabilities:
        """That of the model that is deployed; which voices its version has is not known."""
        return msgspec.structs.replace(self._deployed(model), voices=None)

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["api-key"] = key.reveal()
        return HttpCall(
            "POST",
            f"{self.base_url}/openai/deployments/{quote(script.model, safe='')}/audio/speech"
            f"?api-version={self._version}",
            headers,
            speech_body(script),
        )

    def error(self, head: Head, body: bytes) -> ProviderError:
        error = speech_error(head, body)
        if head.status == 403 and "quota" in error.message.lower():
            error.kind = "quota"  # of a free resource: "Out of call volume quota."
        return error

    def known_voices(self, model: str) -> Sequence[Voice]:
        return [
            Voice(
                id=name, name=name.title(), provider=self.name, model=model, sample_rate=SAMPLE_RATE
            )
            for name in self._deployed(model).voices or ()
        ]

    def _deployed(self, deployment: str) -> Capabilities:
        return MODELS.get(self._deployments.get(deployment, deployment), MODELS[_NEWEST])


def _deployments(text: str) -> dict[str, str]:
    """Deployment → model.

    Raises:
        ValueError: the text is of another form, or names a model that is not known.
    """
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, model = (side.strip() for side in part.partition("="))
        if not name or model not in MODELS:
            raise ValueError(
                f"options.deployments: {part!r} is not NAME=MODEL with one of {', '.join(MODELS)}"
            )
        found[name] = model
    return found
