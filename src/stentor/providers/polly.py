"""Amazon Polly.

A key is `ACCESS_KEY_ID:SECRET_ACCESS_KEY`, or with the token of temporary credentials
`ACCESS_KEY_ID:SECRET_ACCESS_KEY:SESSION_TOKEN`. Calls are signed (Signature Version 4), which
needs the package botocore.

Timestamps are not offered: Polly answers with speech marks *instead of* audio, so that they would
take a second call, which is billed again.

Source: Amazon Polly API reference, `SynthesizeSpeech` and `DescribeVoices`; developer guide,
"Quotas in Amazon Polly"; the API's description in botocore.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

import msgspec

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import (
    Capabilities,
    Provider,
    Script,
    Settings,
    VendorFormat,
    VoicePage,
)
from stentor.providers.faults import FaultKind, ProviderError, read_error
from stentor.providers.readers import RawReader
from stentor.providers.wire import Delivered, Head, HttpCall, Reader
from stentor.secret import Secret

_NO_SETTINGS = Settings()
_DEFAULT_REGION = "us-east-1"
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d")
_STAMP = "%Y%m%dT%H%M%SZ"
_LANGUAGES = (
    "ar-AE", "arb", "ca-ES", "cmn-CN", "cs-CZ", "cy-GB", "da-DK", "de-AT", "de-CH", "de-DE",
    "en-AU", "en-GB", "en-GB-WLS", "en-IE", "en-IN", "en-NZ", "en-SG", "en-US", "en-ZA", "es-ES",
    "es-MX", "es-US", "fi-FI", "fr-BE", "fr-CA", "fr-FR", "hi-IN", "is-IS", "it-IT", "ja-JP",
    "ko-KR", "nb-NO", "nl-BE", "nl-NL", "pl-PL", "pt-BR", "pt-PT", "ro-RO", "ru-RU", "sv-SE",
    "tr-TR", "yue-CN",
)  # fmt: skip
_LANGUAGE_CODES = {code.lower(): code for code in _LANGUAGES} | {
    "ar": "arb",
    "ar-001": "arb",
    "no-no": "nb-NO",
    "yue-hk": "yue-CN",
    "zh-cn": "cmn-CN",
    "zh-hk": "yue-CN",
}
_KINDS: dict[str, FaultKind] = {
    "AccessDeniedException": "auth",
    "ExpiredTokenException": "auth",
    "IncompleteSignatureException": "auth",
    "InvalidSignatureException": "auth",
    "MissingAuthenticationTokenException": "auth",
    "UnrecognizedClientException": "auth",
    "LexiconNotFoundException": "not_found",
    "ServiceFailureException": "server",
    "ServiceQuotaExceededException": "quota",
    "TextLengthExceededException": "too_long",
    "ThrottlingException": "rate_limited",  # a 400
    "TooManyRequestsException": "rate_limited",
}


class Polly(Provider):
    """`POST /v1/speech`."""

    type = "polly"
    title = "Amazon Polly"
    reference = "https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html"
    concurrency = 8  # starts a second, of the engines that allow the fewest
    option_names: ClassVar[Mapping[str, str]] = {
        "region": f"the AWS region that speaks; {_DEFAULT_REGION} unless given"
    }

    def __init__(self, settings: Settings = _NO_SETTINGS) -> None:
        self._region = settings.options.get("region", _DEFAULT_REGION)
        if not _REGION.fullmatch(self._region):
            raise ValueError(
                f"options.region: {self._region!r} is not the name of an AWS region; "
                "expected one such as us-east-1"
            )
        suffix = "amazonaws.com.cn" if self._region.startswith("cn-") else "amazonaws.com"
        self.base_url = f"https://polly.{self._region}.{suffix}"
        super().__init__(settings)

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        body: dict[str, Any] = {
            "Engine": script.model,
            "OutputFormat": script.format.name,
            "SampleRate": str(_RATES[script.format.name]),
            "Text": script.text,
            "VoiceId": script.voice,
        }
        # For voices that speak two languages; the others take none but their own.
        if script.language and (code := _LANGUAGE_CODES.get(script.language.lower())):
            body["LanguageCode"] = code
        if script.dictionaries:
            body["LexiconNames"] = [one.pronunciation_dictionary_id for one in script.dictionaries]
        return self._signed(
            "POST",
            f"{self.base_url}/v1/speech",
            {"Content-Type": "application/json"},
            msgspec.json.encode(body | script.extra),
            key,
            now,
        )

    def response(self, script: Script, head: Head) -> Reader:
        return _Audio(script.format.form, head)

    def error(self, head: Head, body: bytes) -> ProviderError:
        found = read_error(head, body)
        # `ThrottlingException:http://internal.amazon.com/…`
        code = head.headers.get("x-amzn-errortype", found.code or "").split(":")[0]
        found.code = code.rpartition("#")[2] or None
        found.kind = _KINDS.get(found.code or "", found.kind)
        if found.code == "ValidationException" and "'voiceId'" in found.message:
            found.kind = "not_found"
        return found

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall | None:
        query = f"?{urlencode({'NextToken': page})}" if page else ""
        return self._signed("GET", f"{self.base_url}/v1/voices{query}", {}, b"", key, now)

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            answer = msgspec.json.decode(body, type=_VoicesAnswer)
        except msgspec.DecodeError as error:
            raise ProviderError(
                "malformed", f"the list of voices is not readable: {error}"
            ) from error
        voices = [
            Voice(
                id=one.id,
                name=one.name or one.id,
                provider=self.name,
                model=engine,
                sample_rate=22_050 if engine == "standard" else 24_000,
                language=one.language_code,
                gender=_GENDERS.get(one.gender),
            )
            for one in answer.voices
            for engine in one.supported_engines
            if engine in _MODELS
        ]
        return VoicePage(voices, answer.next_token or None)

    def _signed(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes,
        key: Secret | None,
        now: datetime,
    ) -> HttpCall:
        """A call with a signature of it, good for some minutes.

        Raises:
            ProviderError: auth; the key is not of the right form, or botocore is not installed.
        """
        if key is None:
            return HttpCall(method, url, headers, body)
        access, secret, token = _credentials(key)
        try:
            from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
            from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
            from botocore.credentials import Credentials  # type: ignore[import-untyped]
        except ImportError as error:
            raise ProviderError(
                "auth",
                "calls of Amazon Polly are signed by the package botocore, which is not "
                "installed; install stentor[polly]",
                code="not_installed",
            ) from error
        headers = headers | {"X-Amz-Date": now.strftime(_STAMP)}
        if token:
            headers["X-Amz-Security-Token"] = token
        # Not `add_auth`, which asks the clock.
        signer = SigV4Auth(Credentials(access, secret, token), "polly", self._region)
        request = AWSRequest(method, url, headers, body)
        request.context["timestamp"] = headers["X-Amz-Date"]
        signature = signer.signature(
            signer.string_to_sign(request, signer.canonical_request(request)), request
        )
        names = signer.signed_headers(signer.headers_to_sign(request))
        return HttpCall(
            method,
            url,
            headers
            | {
                "Authorization": f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, "
                f"SignedHeaders={names}, Signature={signature}"
            },
            body,
        )


class _Audio(RawReader):
    """The body is the audio; a header says what is billed."""

    def __init__(self, form: AudioForm, head: Head) -> None:
        super().__init__(form, head)
        billed = head.headers.get("x-amzn-requestcharacters", "")
        self._characters = int(billed) if billed.isdecimal() else None

    def finish(self) -> Delivered:
        return msgspec.structs.replace(super().finish(), characters=self._characters)


class _VoiceEntry(msgspec.Struct, frozen=True, rename="pascal"):
    id: str
    name: str = ""
    language_code: str | None = None
    gender: str = ""
    supported_engines: list[str] = []


class _VoicesAnswer(msgspec.Struct, frozen=True, rename="pascal"):
    voices: list[_VoiceEntry] = []
    next_token: str | None = None


_GENDERS: dict[str, Literal["female", "male"]] = {"Female": "female", "Male": "male"}


def _credentials(key: Secret) -> tuple[str, str, str | None]:
    """Access key, secret key, session token.

    Raises:
        ProviderError: auth; it is not of that form.
    """
    access, _, rest = key.reveal().strip().partition(":")
    secret, _, token = rest.partition(":")
    if not access or not secret:
        raise ProviderError(
            "auth",
            "the key is not of the form ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]",
            code="invalid_key",
        )
    return access, secret, token or None


_RATES = {"ogg_opus": 48_000, "mp3": 24_000, "pcm": 16_000}
_CAPABILITIES = Capabilities(
    # PCM has no more than 16 kHz, which loses more of the sound than Opus does.
    formats=(
        VendorFormat(AudioForm("opus"), "ogg_opus"),
        VendorFormat(AudioForm("mp3"), "mp3"),
        VendorFormat(AudioForm("pcm", _RATES["pcm"]), "pcm"),
    ),
    max_chars=3000,
    dictionaries=True,
    extra=("TextType",),
)
_MODELS = dict.fromkeys(("generative", "long-form", "neural", "standard"), _CAPABILITIES)
