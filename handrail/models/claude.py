"""Claude through the Messages API: streams, calls tools, answers in a schema, caches the sources.

The SDK is loaded when the first call is made, in a thread: a process that asks no model does not
pay its 68 MB. Checked against anthropic 2.12.0, which repeats 408, 409, 429, 5xx and failed
connections by itself, up to `retries_max` times, and never a stream that has begun.
"""

import asyncio
import importlib
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from handrail.contract.cleared import cleared_words, unsendable
from handrail.contract.effect import Effect
from handrail.contract.retry_after import retry_after_s
from handrail.errors import (
    HandrailError,
    ModelContextFull,
    ModelFailed,
    ModelKeyRefused,
    ModelNotInstalled,
    ModelOverloaded,
    ModelRequestRefused,
    ModelStreamCut,
    ModelTimedOut,
    ModelUnreachable,
)
from handrail.models.claude_key import Credential, credential
from handrail.models.claude_schema import enforceable
from handrail.models.claude_turns import FULL, Incoming, asked_in_words, body
from handrail.models.port import JsonObject, ModelReply, ModelRequest, Usage
from handrail.models.prices import ListedPrices, ModelCost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anthropic import APIRequest, APIStatusError, AsyncAnthropic, AsyncAPIResponse
    from anthropic.types import RawMessageStreamEvent

PROVIDER = "anthropic"  #: by which the list of prices knows it
MODEL_DEFAULT = "claude-sonnet-5-5"
RETRIES_MAX_DEFAULT = 0  #: the engine tries again itself, with a gate for all of a process
CONNECT_TIMEOUT_S, SILENCE_TIMEOUT_S = 10.0, 60.0  #: the API sends pings while it thinks
assert CONNECT_TIMEOUT_S <= SILENCE_TIMEOUT_S

REASON_CHARS_MAX = 500
#: How the API says that a request is too long; it has no error type of its own for it (2026-10-21).
#: In other words the request is refused all the same, with a cure that is less to the point.
TOO_LONG = ("prompt is too long", "exceed context limit")
STATUS_OK, STATUS_SERVER_MIN = 200, 500
#: What the API calls its errors (also in a stream, where the status is 200), and what they are.
ERRORS: dict[str | int, type[HandrailError]] = {
    "authentication_error": ModelKeyRefused,
    "billing_error": ModelKeyRefused,
    "permission_error": ModelKeyRefused,
    "rate_limit_error": ModelOverloaded,
    "overloaded_error": ModelOverloaded,
    "api_error": ModelFailed,
    "timeout_error": ModelFailed,
    "invalid_request_error": ModelRequestRefused,
    "not_found_error": ModelRequestRefused,
    401: ModelKeyRefused,
    402: ModelKeyRefused,
    403: ModelKeyRefused,
    408: ModelFailed,
    409: ModelFailed,
    429: ModelOverloaded,
    529: ModelOverloaded,
}


@dataclass(frozen=True, kw_only=True)
class ClaudeSettings:
    """How to reach Claude; the key is never shown."""

    model: str = MODEL_DEFAULT
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None  #: None: ANTHROPIC_BASE_URL, else the SDK's own address
    retries_max: int = RETRIES_MAX_DEFAULT
    silence_timeout_s: float = SILENCE_TIMEOUT_S


class ClaudeModel:
    """The adapter for Claude. One connection pool for each adapter; `close` gives it back.

    Raises, beside what the port names: ModelKeyRefused, ModelUnreachable, ModelStreamCut,
    ModelContextFull, ModelFailed, ModelNotInstalled.
    """

    def __init__(self, settings: ClaudeSettings, now_ms: "Callable[[], int] | None" = None) -> None:
        """Keep the settings and the key; nothing is loaded and nothing is connected yet.

        `now_ms` gives the milliseconds since 1970: the provider may name a date to wait for.
        """
        self._settings = settings
        self._key = credential(settings.api_key)
        self._now_ms = now_ms or _now_ms
        self._sdk: AsyncAnthropic | None = None
        self._prices = ListedPrices(PROVIDER, settings.model)
        self._loading = asyncio.Lock()

    @property
    def name(self) -> str:
        """The model's id."""
        return self._settings.model

    @property
    def effect(self) -> Effect:
        """Every turn is billed."""
        return Effect.PAID

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Give the next turn; a stream that breaks off gives an error and no part of a turn."""
        self._check_key()
        sdk = await self._loaded()
        deadline = asyncio.get_running_loop().time() + request.timeout_s
        attempts = _Attempts(self.name, deadline, self._now_ms, self._words)
        try:
            async with asyncio.timeout(request.timeout_s):
                return await self._turn(sdk, request, attempts)
        except TimeoutError as error:
            raise attempts.out_of_time(request.timeout_s) from error

    async def costs(self, usage: Usage) -> ModelCost | None:
        """Give what some usage costs by the list of prices; None for a model it does not know."""
        return await self._prices.of(usage)

    async def close(self) -> None:
        """Give the connections back; a later call opens new ones."""
        sdk, self._sdk = self._sdk, None
        if sdk is not None:
            await sdk.close()

    def _check_key(self) -> None:
        """Refuse a key that cannot be sent: the HTTP client would show it in its own refusal."""
        for name, value in self._key.secrets.items():
            if why := unsendable(value):
                reason = f"{name} {why}; nothing was sent"
                raise ModelKeyRefused(model=self.name, status="none", attempts=0, reason=reason)

    def _words(self, said: str) -> str:
        """Give the words of the SDK or the provider without what nobody may read."""
        return cleared_words(said, self._key.secrets)

    async def _turn(
        self, sdk: "AsyncAnthropic", request: ModelRequest, attempts: "_Attempts"
    ) -> ModelReply:
        import anthropic
        import httpx2

        incoming = Incoming()
        try:
            stream = await sdk.with_middleware(attempts.watch).messages.create(
                **cast("Any", _with_schema(body(request, self.name), request)), stream=True
            )
            async with stream:
                event: RawMessageStreamEvent
                async for event in stream:
                    incoming.take(cast("JsonObject", event.to_dict(mode="json")))
        except anthropic.APIStatusError as error:
            raise attempts.refused(error) from self._shown(error)
        except anthropic.APIConnectionError as error:
            cause = error.__cause__
            # A time-out is one of them. Only what never got through was certainly not begun.
            if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
                reason = self._words(str(cause) or repr(cause))
                address = f"{sdk.base_url.scheme}://{sdk.base_url.netloc.decode()}"
                raise ModelUnreachable(
                    model=self.name, address=address, reason=reason
                ) from self._shown(error)
            if isinstance(cause, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol):
                raise self._unsendable(cause) from self._shown(error)
            if isinstance(error, anthropic.APITimeoutError):
                raise attempts.silent(self._settings.silence_timeout_s) from self._shown(error)
            raise self._cut(cause or error) from self._shown(error)
        except httpx2.ReadTimeout as error:
            raise attempts.silent(self._settings.silence_timeout_s) from self._shown(error)
        except UnicodeEncodeError as error:
            raise self._unsendable(error) from self._shown(error)
        except (httpx2.HTTPError, ValueError) as error:
            # A half line of a broken stream is no JSON; the SDK lets the ValueError through.
            raise self._cut(error) from self._shown(error)
        if not incoming.ended:
            raise ModelStreamCut(model=self.name, reason="it closed before it said it was done")
        if incoming.is_full:
            # To ask again would add a turn to what is too long already.
            raise attempts.full()
        return incoming.reply()

    def _cut(self, error: BaseException) -> HandrailError:
        return ModelStreamCut(model=self.name, reason=self._words(repr(error)))

    def _unsendable(self, error: BaseException) -> HandrailError:
        """Name the error of a request that the HTTP client refuses, as it would the next time."""
        reason = f"the HTTP client does not send it: {self._words(repr(error))}"
        return ModelRequestRefused(model=self.name, status="none", reason=reason)

    def _shown(self, error: BaseException) -> BaseException | None:
        """Give an error as a cause, which logs print; None for one that says a secret."""
        said = "".join(traceback.format_exception(error))
        return error if self._words(said) == said else None

    async def _loaded(self) -> "AsyncAnthropic":
        async with self._loading:
            if self._sdk is None:
                try:
                    # Importing takes about two seconds; heartbeats must go on meanwhile.
                    await asyncio.to_thread(importlib.import_module, "anthropic")
                except ImportError as error:
                    raise ModelNotInstalled(
                        model=self.name, reason=str(error), cure="pip install 'handrail[claude]'"
                    ) from error
                self._sdk = _client(self._settings, self._key)
            return self._sdk


class _Attempts:
    """What became of the attempts of one turn; the SDK tells nobody but its middleware."""

    def __init__(
        self,
        model: str,
        deadline: float,
        now_ms: "Callable[[], int]",
        words: "Callable[[str], str]",
    ) -> None:
        self._model = model
        self._words = words  # takes out what nobody may read
        self._deadline = deadline  # on the clock of the event loop
        self._now_ms = now_ms
        self._count = 0
        self._status: int | None = None

    async def watch(
        self,
        request: "APIRequest",
        call_next: "Callable[[APIRequest], Awaitable[AsyncAPIResponse[Any]]]",
    ) -> "AsyncAPIResponse[Any]":
        """Count an attempt; refuse at once when the server asks for a wait beyond the deadline."""
        self._count += 1
        response = await call_next(request)
        self._status = response.status_code
        if ERRORS.get(response.status_code) is ModelOverloaded:
            wait_s = retry_after_s(response.headers.get("retry-after"), self._now_ms())
            # The SDK would sleep for as long as it is told to, an hour too.
            if asyncio.get_running_loop().time() + wait_s >= self._deadline:
                await response.close()
                raise self._error(
                    ModelOverloaded,
                    response.status_code,
                    f"the provider asks to wait {wait_s:g} s, longer than this call may take",
                    retry_after_s=wait_s,
                )
        return response

    def refused(self, error: "APIStatusError") -> HandrailError:
        """Name the error of a status, or of an error event in a stream that began well."""
        known = ERRORS.get(error.type or "") or ERRORS.get(error.status_code)
        if known is None:
            failed = error.status_code >= STATUS_SERVER_MIN or error.status_code == STATUS_OK
            known = ModelFailed if failed else ModelRequestRefused
        wait_s = retry_after_s(error.response.headers.get("retry-after"), self._now_ms())
        # What is cut off before it is cleared may be a part of a secret.
        reason = self._words(error.api_message or error.message)[:REASON_CHARS_MAX]
        if known is ModelRequestRefused and any(words in reason for words in TOO_LONG):
            known = ModelContextFull
        status = (
            error.status_code if error.status_code != STATUS_OK else f"{error.type} in a stream"
        )
        return self._error(known, status, reason, retry_after_s=wait_s)

    def full(self) -> HandrailError:
        """Name the error of a turn that reached the end of the model's window half way."""
        reason = "its context window was full before its answer was whole"
        return self._error(ModelContextFull, f"{FULL} in a stream", reason)

    def silent(self, timeout_s: float) -> HandrailError:
        """Name the error of a connection on which nothing came for too long."""
        return ModelTimedOut(
            model=self._model, timeout_s=timeout_s, reason="nothing was heard from it for so long"
        )

    def out_of_time(self, timeout_s: float) -> HandrailError:
        """Name the error of a turn that was not over in time."""
        known = ERRORS.get(self._status or 0)
        if self._status is not None and (known or self._status >= STATUS_SERVER_MIN):
            reason = f"{timeout_s:g} s were over before another attempt was due"
            return self._error(known or ModelFailed, self._status, reason)
        return ModelTimedOut(
            model=self._model, timeout_s=timeout_s, reason="its answer had not come to its end"
        )

    def _error(
        self, known: type[HandrailError], status: int | str, reason: str, **facts: object
    ) -> HandrailError:
        return known(model=self._model, status=status, attempts=self._count, reason=reason, **facts)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _client(settings: ClaudeSettings, key: Credential) -> "AsyncAnthropic":
    import anthropic

    return anthropic.AsyncAnthropic(
        api_key=key.api_key,
        auth_token=key.auth_token,
        base_url=settings.base_url,
        max_retries=settings.retries_max,
        timeout=anthropic.Timeout(settings.silence_timeout_s, connect=CONNECT_TIMEOUT_S),
    )


def _with_schema(asked: JsonObject, request: ModelRequest) -> JsonObject:
    import anthropic

    if request.returns is None:
        return asked
    if enforceable(request.returns):
        schema = anthropic.transform_schema(cast("dict[str, Any]", request.returns))
        return {**asked, "output_config": {"format": {"type": "json_schema", "schema": schema}}}
    words: JsonObject = {"type": "text", "text": asked_in_words(request.returns)}
    return {**asked, "system": [*cast("list[JsonObject]", asked.get("system", [])), words]}
