"""What a user declares of a voice: a forecaster beside the stream, whose forecasts are one among others."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from driftline.streams.part import Part

CHAT_ONLY = (
    "base_url",
    "model",
    "api_key",
    "time_out_seconds",
    "rounds",
    "prompt_tokens",
    "tokens_per_minute",
    "concurrency",
    "cache",
    "grammar",
    "failures",
    "rest_seconds",
)
"""Fields that a voice of another kind does not have."""


class VoiceConfig(Part):
    """One voice: Fracast in the side worker, or a language model behind an OpenAI-compatible server.

    >>> VoiceConfig(kind="chat", base_url="http://127.0.0.1:8000", model="llama-3.2-1b").endpoint
    'http://127.0.0.1:8000/v1/chat/completions'
    """

    # What is refused may be a key, or an address with a login in it.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["fracast", "chat", "other"]
    """`fracast` needs torch; `chat` asks any server of `/v1/chat/completions` (vLLM, Ollama, llama.cpp); `other` is a
    program of your own, which reads the questions and answers on the label topic."""
    deadline_seconds: float = Field(600.0, gt=0, le=86_400)
    """A question that is older is skipped."""
    batch: int = Field(256, ge=1, le=65_536)
    """Questions that are answered at once, at most."""

    base_url: str | None = None
    """Address of the server, such as `http://127.0.0.1:8000/v1`; without a path, `/v1` is meant."""
    model: str | None = Field(None, min_length=1, max_length=200)
    """The name by which the server knows the model."""
    api_key: SecretStr | None = Field(None, min_length=1, max_length=4_096)
    """Sent as a bearer token; never logged."""
    time_out_seconds: float = Field(30.0, gt=0, le=600)
    """The most that one question may take, all rounds and retries together."""
    rounds: int = Field(1, ge=0, le=3)
    """Refinements of the first answer; 0 for none."""
    prompt_tokens: int = Field(2_000, ge=100, le=1_000_000)
    """The most tokens of one prompt, by an estimate; what does not fit is left out."""
    tokens_per_minute: int = Field(60_000, ge=1, le=1_000_000_000)
    """The most tokens of prompts and answers in a minute; a question beyond is not asked."""
    concurrency: int = Field(2, ge=1, le=1_000)
    """Questions that the server is asked at a time."""
    cache: int = Field(1_000, ge=0, le=1_000_000)
    """Answers that are kept, so that the same prompt is not asked twice."""
    grammar: Literal["gbnf", "json_schema", "none"] = "json_schema"
    """How the server is bound to answer with so many numbers: `gbnf` for llama.cpp, `json_schema` for most."""
    failures: int = Field(5, ge=1, le=1_000)
    """After so many failures in a row the voice rests."""
    rest_seconds: float = Field(30.0, gt=0, le=86_400)
    """How long it rests the first time; each time that the first question after it fails too, twice as long."""

    @field_validator("base_url")
    @classmethod
    def _is_web_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("must be an address such as http://127.0.0.1:8000/v1") from None
        if parts.scheme not in ("http", "https"):
            raise ValueError("must begin with http:// or https://")
        if not parts.hostname or port == 0 or any(c.isspace() or not c.isprintable() for c in url):
            raise ValueError("must be an address such as http://127.0.0.1:8000/v1")
        if parts.username is not None or parts.password is not None:
            raise ValueError("must hold no login: set api_key")
        if parts.query or parts.fragment:
            raise ValueError("must end with its path: no ? and no #")
        return url

    @model_validator(mode="after")
    def _fits_its_kind(self) -> VoiceConfig:
        if self.kind == "chat":
            for name in ("base_url", "model"):
                if getattr(self, name) is None:
                    raise ValueError(f'kind = "chat" needs `{name}`')
        else:
            for name in CHAT_ONLY:
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f'`{name}` is for kind = "chat"; this voice has kind = "{self.kind}"')
        return self

    @property
    def endpoint(self) -> str:
        """Where a chat's questions are sent."""
        assert self.base_url is not None
        base = self.base_url.rstrip("/")
        return f"{base if urlsplit(base).path else base + '/v1'}/chat/completions"
