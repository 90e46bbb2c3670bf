"""A client of OpenAI-compatible servers (vLLM, Ollama, llama.cpp) that never raises and is never late.

It trusts nothing that comes back. Time, size, tokens and the number of questions at a time are bounded, redirects are
not followed, and an answer is text that must be read as numbers: whatever else it says has no effect.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import aiohttp
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
    wait_random,
)

from driftline.models.forecasting.parsed_answer import Refused
from driftline.models.forecasting.prompts import Message, tokens
from driftline.services.chat_budget import TokenBudget
from driftline.services.chat_counts import ChatCounts
from driftline.services.chat_rest import Rest
from driftline.streams.voice_config import VoiceConfig

MOST_BYTES = 262_144
"""Of a response, whatever its length is said to be."""
ATTEMPTS = 3
"""Requests of one question, where a busy server or a lost connection makes it worthwhile."""
MOMENT = 0.01
"""Seconds; with less time left a question is not sent."""
AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)
"""Statuses after which a question is sent again."""

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Completion(NamedTuple):
    """What a server answered."""

    text: str
    prompt_tokens: Any
    """As the server says; anything may stand there."""
    answer_tokens: Any
    """As above."""


class _HttpError(Exception):
    """The server did not answer with 200; `again` says whether to try once more, `after` how long to wait."""

    def __init__(self, what: str, again: bool, after: float = 0.0):
        super().__init__(what)
        self.again, self.after = again, after


class _Malformed(Exception):
    """The body is not a completion."""


class Chat:
    """Ask one model of one server.

    It is used within one event loop, as an asynchronous context manager, or closed by `close`.

    Parameters
    ----------
    config
        A voice whose kind is `chat`.
    clock
        Gives seconds that never jump.

    Examples
    --------
    >>> config = VoiceConfig(kind="chat", base_url="http://127.0.0.1:9", model="none", time_out_seconds=1)
    >>> async def ask():
    ...     async with Chat(config) as chat:
    ...         answer = await chat.ask([{"role": "user", "content": "1 2 3"}], most=8, read=str.split)
    ...         return answer, chat.counts.outcomes["http"]
    >>> asyncio.run(ask())  # nobody listens there
    (None, 1)

    """

    def __init__(self, config: VoiceConfig, *, clock: Callable[[], float] = time.monotonic):
        if config.kind != "chat":
            raise ValueError(f"a chat needs a voice of the kind chat, got {config.kind}")
        self.config = config
        self.counts = ChatCounts()
        self._clock = clock
        self._budget = TokenBudget(config.tokens_per_minute, clock=clock)
        self._rest = Rest(config.failures, config.rest_seconds, clock=clock)
        self._places = asyncio.Semaphore(config.concurrency)
        self._kept: OrderedDict[bytes, str] = OrderedDict()
        self._session: aiohttp.ClientSession | None = None

    @property
    def resting(self) -> bool:
        """Whether the server is left alone after failures."""
        return self._rest.resting

    async def ask(
        self,
        messages: Sequence[Message],
        *,
        most: int,
        read: Callable[[str], T],
        constraint: dict[str, Any] | None = None,
        seconds: float | None = None,
    ) -> T | None:
        """Ask, and return what `read` makes of the answer; None if there is none.

        Parameters
        ----------
        messages
            The chat.
        most
            The most tokens of the answer.
        read
            Reads an answer's text; raises `Refused` if it is not what was asked for.
        constraint
            More fields of the request, that bind the server to a form of answer.
        seconds
            How long it may take, if less than the voice's time-out.

        """
        sent = json.dumps(
            {
                "model": self.config.model,
                "messages": list(messages),
                "temperature": 0,
                "max_tokens": most,
                **(constraint or {}),
            }
        ).encode()
        key = hashlib.sha256(sent).digest()
        found = self._from_cache(key, read)
        if found is not None:
            return self._told("cached", found)
        if self._rest.resting:
            return self._told("resting")
        limit = self.config.time_out_seconds if seconds is None else min(seconds, self.config.time_out_seconds)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        try:
            async with asyncio.timeout_at(deadline):
                await self._places.acquire()
        except TimeoutError:
            return self._told("time_out")  # in our own queue: it says nothing of the server
        try:
            if loop.time() + MOMENT > deadline:
                return self._told("time_out")
            return await self._ask(sent, key, tokens(messages), most, read, deadline)
        finally:
            self._places.release()

    async def _ask(
        self, sent: bytes, key: bytes, prompt_tokens: int, most: int, read: Callable[[str], T], deadline: float
    ) -> T | None:
        """Ask if the server does not rest and there are tokens; tell what came of it."""
        if not self._rest.enter():
            return self._told("resting")
        taken = prompt_tokens + most
        if not self._budget.take(taken):
            self._rest.left()
            return self._told("budget")
        started, used = self._clock(), taken
        found, outcome = None, "error"
        try:
            async with asyncio.timeout_at(deadline):
                completion = await self._send(sent, deadline)
            prompt_tokens = _count(completion.prompt_tokens, prompt_tokens)
            answer_tokens = _count(completion.answer_tokens, len(completion.text) // 2)
            self.counts.prompt_tokens += prompt_tokens
            self.counts.answer_tokens += answer_tokens
            used = prompt_tokens + answer_tokens
            found = read(completion.text)
            outcome = "ok"
            self._keep(key, completion.text)
        except TimeoutError:
            outcome = "time_out"
        except Refused as refused:
            outcome = f"refused/{refused.why}"
        except _Malformed:
            outcome = "malformed"
        except _HttpError:
            outcome, used = "http", 0
        except asyncio.CancelledError:
            self._rest.left()
            raise
        except Exception as error:  # a forecast is never worth a lane: whatever it was, this voice is silent
            logger.warning("a question to %s failed: %s", self.config.endpoint, type(error).__name__)
        finally:
            self._budget.settle(taken=taken, used=used)
            self.counts.asked += 1
            self.counts.seconds += self._clock() - started
        if outcome == "ok":
            if self._rest.succeeded():
                logger.info("%s answers again", self.config.endpoint)
        elif self._rest.failed():
            logger.warning(
                "%s is left alone for a while after failures, the last one: %s", self.config.endpoint, outcome
            )
        return self._told(outcome, found)

    async def _send(self, sent: bytes, deadline: float) -> Completion:
        """Send a question, again if that may help and there is time."""
        backoff = wait_exponential(multiplier=0.5, max=5.0) + wait_random(0.0, 0.5)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            return max(backoff(state), error.after if isinstance(error, _HttpError) else 0.0)

        def count(state: RetryCallState) -> None:
            self.counts.retries += 1

        left = deadline - asyncio.get_running_loop().time()
        retrying = AsyncRetrying(
            stop=stop_after_attempt(ATTEMPTS) | stop_before_delay(left),
            wait=wait,
            retry=retry_if_exception(lambda error: isinstance(error, _HttpError) and error.again),
            before_sleep=count,
            reraise=True,
        )
        return await retrying(self._once, sent)

    async def _once(self, sent: bytes) -> Completion:
        self.counts.requests += 1
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
        if self.config.api_key is not None:
            headers["Authorization"] = f"Bearer {self.config.api_key.get_secret_value()}"
        try:
            async with self._open().post(
                self.config.endpoint, data=sent, headers=headers, allow_redirects=False
            ) as response:
                if response.status != 200:
                    again = response.status in AGAIN
                    raise _HttpError(str(response.status), again, _after(response.headers.get("Retry-After", "")))
                body = bytearray()
                async for part in response.content.iter_any():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise Refused("too_large")
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise _HttpError(type(error).__name__, again=True) from None
        return _completion(bytes(body))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # ours bounds all of it
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a small body must not become a large one
                connector=aiohttp.TCPConnector(limit=self.config.concurrency),
            )
        return self._session

    def _from_cache(self, key: bytes, read: Callable[[str], T]) -> T | None:
        text = self._kept.get(key)
        if text is None:
            return None
        self._kept.move_to_end(key)
        try:
            return read(text)
        except Refused:  # another reader may refuse what the first took
            return None

    def _keep(self, key: bytes, text: str) -> None:
        if self.config.cache:
            self._kept[key] = text
            while len(self._kept) > self.config.cache:
                self._kept.popitem(last=False)

    def _told(self, outcome: str, found: T | None = None) -> T | None:
        self.counts.outcomes[outcome] += 1
        return found

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _completion(body: bytes) -> Completion:
    """Read a response's body; raise `_Malformed`."""
    try:
        found: Any = json.loads(body)
        text = found["choices"][0]["message"]["content"]
        usage = found.get("usage") or {}
        counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        raise _Malformed from None
    if text is not None and not isinstance(text, str):
        raise _Malformed
    return Completion(text or "", *counts)


def _count(said: Any, estimate: int) -> int:
    """Return how many tokens the server says there were, if that can be true; else the estimate."""
    return said if type(said) is int and 0 <= said <= MOST_BYTES * 64 else estimate


def _after(header: str) -> float:
    """Return the seconds of a Retry-After header; a date, or nonsense, is none."""
    return float(header) if header.isascii() and header.isdigit() and len(header) < 7 else 0.0
