"""Whether the voices that forecasters hear can speak: none of them is needed, so none is a failure."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

from driftline.models.forecasting import fracast
from driftline.services.check import Check
from driftline.services.settings import Settings
from driftline.streams.voice_config import VoiceConfig

WAIT_SECONDS = 3.0


class _Stay(urllib.request.HTTPRedirectHandler):
    """A server that sends us elsewhere has answered."""

    def redirect_request(self, *args: object, **more: object) -> None:
        """Go nowhere."""


def voices(settings: Settings) -> Iterator[Check]:
    """Yield a check for each voice that is configured."""
    for stream, config in settings.streams.items():
        for model, asking in config.asking.items():
            for name, voice in asking.voices.items():
                yield from _look(f"voice {stream}/{model}/{name}", voice)


def _look(title: str, voice: VoiceConfig) -> Iterator[Check]:
    if voice.kind == "fracast":
        if fracast.available():
            yield Check(title, "ok", "Fracast is installed here; `driftline worker` answers")
        else:
            yield Check(
                title, "warn", "Fracast is not installed here", "pip install 'driftline[torch]' where the worker runs"
            )
    elif voice.kind == "chat":
        yield _ask(title, voice)
    else:
        yield Check(title, "ok", "a program of yours answers")


def _ask(title: str, voice: VoiceConfig) -> Check:
    url = voice.endpoint.removesuffix("/chat/completions") + "/models"
    request = urllib.request.Request(url)  # noqa: S310 - http or https: the configuration is checked
    if voice.api_key is not None:
        request.add_header("Authorization", f"Bearer {voice.api_key.get_secret_value()}")
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=WAIT_SECONDS) as answer:
            return Check(title, "ok", f"{url} answers with {answer.status}")
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return Check(title, "warn", f"{url} refuses us ({error.code})", "set api_key in the environment")
        return Check(title, "ok", f"{url} answers with {error.code}")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Check(title, "warn", f"{url} does not answer: {reason}", "is the server up, and is base_url right?")
