"""Send requests to a server over aiohttp, each with one deadline."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

import aiohttp
import anyio
import httpx2
from aiohttp.helpers import get_env_proxy_for_url
from yarl import URL

from manybaskets.engines.base import Completion
from manybaskets.engines.openai_answers import MalformedAnswer
from manybaskets.engines.openai_server import ServedModel
from manybaskets.errors import PassingError

SECONDS_TO_CONNECT = 10.0
# Headers that matter when a request fails.
HEEDED = {"content-type", "location", "retry-after", "retry-after-ms", "x-should-retry"}
Failure = httpx2.Response | httpx2.TransportError
# Result of a request's first attempt, until passed to the OpenAI client.
first_failure: ContextVar[Failure | None] = ContextVar("first_failure", default=None)


class Transport(httpx2.AsyncBaseTransport):
    """Sends requests over aiohttp with limited concurrency, each with one deadline.

    Args:
        read: parses a successful response.
        failures: counts failed attempts by reason.
    """

    def __init__(
        self,
        engine: ServedModel,
        read: Callable[[bytes], Completion],
        failures: Counter[str],
    ) -> None:
        self.engine, self.read, self.failures = engine, read, failures
        self.places = asyncio.Semaphore(engine.settings.concurrency)
        encrypted = engine.address.scheme == "https"
        trusted = httpx2.create_ssl_context() if encrypted else True
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=trusted),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=SECONDS_TO_CONNECT),
            **_proxy(engine.address),
        )

    async def attempt(self, content: bytes, headers: Mapping[str, str]) -> Completion | Failure:
        """Wait for a free slot, send a request and read the response."""
        async with self.places:
            try:
                status, heeded, content = await self._exchange(content, headers)
            except httpx2.TransportError as error:
                self.failures[type(error).__name__] += 1
                return error
        self.engine.reached = True
        if status >= 300:
            self.failures[str(status)] += 1
            return httpx2.Response(status, headers=heeded, content=content)
        try:
            return self.read(content)
        except MalformedAnswer as error:
            self.failures["malformed"] += 1
            return httpx2.RemoteProtocolError(f"the answer is malformed: {error}")

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One attempt for the OpenAI client; the first has already finished."""
        outcome: Completion | Failure | None = first_failure.get()
        first_failure.set(None)
        if outcome is None:
            outcome = await self.attempt(request.content, dict(request.headers.items()))
        if isinstance(outcome, httpx2.TransportError):
            raise outcome
        if isinstance(outcome, httpx2.Response):
            return outcome
        return httpx2.Response(200, extensions={"completion": outcome})

    async def _exchange(
        self, content: bytes, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        seconds = self.engine.settings.timeout
        try:
            async with (
                asyncio.timeout(seconds),
                self.session.post(
                    self.engine.endpoint, data=content, headers=headers, allow_redirects=False
                ) as response,
            ):
                heeded = {k: v for k, v in response.headers.items() if k.lower() in HEEDED}
                return response.status, heeded, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise self._no_connection(error) from None
        except TimeoutError:
            raise httpx2.ReadTimeout(f"no answer within {seconds:g} s") from None
        except aiohttp.ClientError as error:
            raise httpx2.ReadError(f"the connection was lost: {error}") from None

    def _no_connection(self, error: Exception) -> Exception:
        if self.engine.reached:
            return httpx2.ConnectError(f"no connection: {error}")
        return self.engine.fault(
            f"cannot connect to the server: {error}",
            "a server listening at `engine.base_url`",
            "start the server, or set `engine.base_url` to its address",
            PassingError,
        )

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            await self.session.close()


def _proxy(address: URL) -> dict[str, Any]:
    """The proxy set in the environment for this address."""
    try:
        proxy, authorisation = get_env_proxy_for_url(address)
    except LookupError:
        return {}
    return {"proxy": proxy, "proxy_auth": authorisation}
