"""The `openai` engine: any hosted or self-hosted server with OpenAI's chat completions API."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import queue
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import aiohttp
import anyio
import httpx2
import openai
from aiohttp.helpers import get_env_proxy_for_url
from anyio.from_thread import start_blocking_portal
from yarl import URL

from manybaskets.config.engine_kinds import Opening
from manybaskets.config.engines import OpenAISettings
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import WITHHELD, Completion, Engine, Request
from manybaskets.errors import PassingError, UserError

log = logging.getLogger(__name__)
LARGEST = 2**31 - 1  # seed accepted by every server; token counts that responses can contain
LONGEST_MESSAGE = 300  # maximum characters of server messages in errors
FAULTS_IN_A_ROW = 20
SECONDS_TO_CONNECT = 10.0
# A text has at most as many tokens as bytes; a chat template adds fewer tokens than this per turn.
TOKENS_AROUND_A_TURN = 64
# Requests in flight or queued for the next free slot, per slot on the server.
READY_PER_PLACE = 2
# Headers that matter when a request fails.
HEEDED = {"content-type", "location", "retry-after", "retry-after-ms", "x-should-retry"}
# JSON can encode these, but files cannot contain them.
LONE_SURROGATES = re.compile("[\ud800-\udfff]")
AnsweredRequest = tuple[Request, Completion]
Failure = httpx2.Response | httpx2.TransportError
# Result of a request's first attempt, until passed to the OpenAI client.
first_failure: ContextVar[Failure | None] = ContextVar("first_failure", default=None)


def open_engine(settings: OpenAISettings, opening: Opening) -> OpenAIEngine:
    """Connect to the server of a config section."""
    return OpenAIEngine(settings, opening.prompting, opening.name, opening.share_of_cap)


class OpenAIEngine(Engine):
    """A model behind a server.

    Requests run in a separate thread, at most `settings.concurrency` at a time. The OpenAI client
    retries transient failures, after increasing pauses or the time named by the server; a malformed
    answer counts as a transient failure. A request that still fails after all retries becomes an
    error of its row, unless the failure concerns the whole source: then generation stops.

    A refusal in the field `refusal` is used as the answer's text. An answer withheld by the
    server's content filter is an error of its row and is not requested again.

    Args:
        settings: the engine's section in the config.
        prompting: system prompt.
        name: name of the source in errors.
        share_of_cap: share of the spending cap that this job may use.

    Raises:
        UserError: the address is invalid, the key is missing, or there is a cap without prices.
    """

    takes_form = True

    def __init__(
        self, settings: OpenAISettings, prompting: Prompting, name: str, share_of_cap: float
    ) -> None:
        self.settings, self.name = settings, name
        self.address = _address(settings.base_url, name)
        self.endpoint = f"{self.address}/chat/completions"
        self.system_prompt = prompting.system_prompt
        self._key = _key(settings, name)
        self.limit = _limit(settings, name, share_of_cap)
        self.spent = 0.0  # USD spent by this job and earlier jobs on the same rows
        self.reached = False  # the server has responded to this job, with any status
        self.proven = False  # the server has answered this job or an earlier one successfully
        self.identity = {
            "engine": "openai",
            "engine_version": openai.__version__,
            "base_url": str(self.address),
            "model": settings.served_model,
            "system_prompt": prompting.system_prompt,
            "send_seed": settings.send_seed,
            "tokens_key": settings.tokens_key,
            **settings.model_dump(include={"template_arguments"}),
        }
        for library in ("openai", "httpx2"):
            # They log every request and every pause.
            logging.getLogger(library).setLevel(logging.WARNING)

    def recall(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add the costs of rows from earlier jobs."""
        for row in rows:
            self.proven = True
            self.spent += self.cost(row["prompt_tokens"], row["completion_tokens"])

    def cost(self, prompt_tokens: int | None, completion_tokens: int | None) -> float:
        """Price of tokens in USD; 0 for tokens without a count."""
        price_in, price_out = self.settings.price_in, self.settings.price_out
        return ((prompt_tokens or 0) * price_in + (completion_tokens or 0) * price_out) / 1e6

    def generate(
        self,
        requests: Sequence[Request],
        sampling: Sampling,
        form: Mapping[str, Any] | None = None,
    ) -> Iterator[tuple[Request, Completion]]:
        """Answer requests; yield each answer as soon as it is finished, in any order.

        Raises:
            UserError: the server cannot be reached, rejects the key, the model or every request, or
                has stopped answering, or the spending cap is reached. All finished answers are
                yielded before.
        """
        if not requests:
            return
        finished: queue.SimpleQueue[AnsweredRequest | None] = queue.SimpleQueue()
        job = _Job(self, requests, sampling, finished.put, form)
        # The consumer may stop at any time; leaving this block then ends all requests.
        with start_blocking_portal() as portal:
            work = portal.start_task_soon(job.run)
            work.add_done_callback(lambda _: finished.put(None))
            while pair := finished.get():
                yield pair
            work.result()

    def client(self, transport: httpx2.AsyncBaseTransport) -> openai.AsyncOpenAI:
        """The OpenAI client over a transport."""
        return openai.AsyncOpenAI(
            # Without a key it would use OPENAI_API_KEY, which is not meant for this server.
            api_key=self._key or "none",
            base_url=str(self.address),
            timeout=self.settings.timeout,
            max_retries=self.settings.retries,
            default_headers={"Accept-Encoding": "gzip, deflate"},
            http_client=httpx2.AsyncClient(transport=transport),
        )

    def headers(self, client: openai.AsyncOpenAI) -> dict[str, str | openai.Omit]:
        """The headers of a request; `Omit` marks headers to leave out."""
        key = client.auth_headers if self._key else {"Authorization": openai.Omit()}
        return client.default_headers | key

    def fault(
        self, what: str, expected: str, remedy: str, kind: type[UserError] = UserError
    ) -> UserError:
        """An error that concerns the whole source."""
        return kind(
            what=what,
            where=f"source '{self.name}', {self.address}",
            expected=expected,
            remedy=f"{remedy}, then rerun the same command: finished rows are kept",
        )

    def told(self, message: object) -> str:
        """A server's message on one line, shortened and without the key."""
        if self.discreet:
            return "its message is not shown"
        text = message if isinstance(message, str) else json.dumps(message)
        text = text.replace(self._key, "***") if self._key else text
        return _storable(" ".join(text.split())[:LONGEST_MESSAGE]) or "no message"


class _Job:
    """One call of `generate`: all requests, with a fixed number in flight.

    Args:
        put: receives each answer.
        form: JSON schema of the answers; null for free text.
    """

    def __init__(
        self,
        engine: OpenAIEngine,
        requests: Sequence[Request],
        sampling: Sampling,
        put: Callable[[AnsweredRequest], None],
        form: Mapping[str, Any] | None = None,
    ) -> None:
        self.engine, self.sampling, self.put, self.form = engine, sampling, put, form
        self.waiting, self.total, self.done = iter(requests), len(requests), 0
        self.failures: Counter[str] = Counter()  # failed attempts by reason
        self.faults = 0  # consecutive rows without an answer from the server
        self.refused = 0  # rows rejected before any answer
        self.reserved: list[float] = []  # maximum cost of each request in flight, USD
        self.capped = False

    async def run(self) -> None:
        self.finished = asyncio.Event()
        places = self.engine.settings.concurrency
        self.transport = _Transport(self.engine, self._read, self.failures)
        self.client = self.engine.client(self.transport)
        headers = self.engine.headers(self.client)
        self.headers = {name: text for name, text in headers.items() if isinstance(text, str)}
        self.left_out = {name: text for name, text in headers.items() if name not in self.headers}
        try:
            async with self.client, asyncio.TaskGroup() as group:
                for _ in range(min(READY_PER_PLACE * places, self.total)):
                    group.create_task(self._work())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            log.info(
                "%d of %d requests done, %.4f USD spent so far; failed attempts: %s",
                self.done,
                self.total,
                self.engine.spent,
                dict(self.failures) or "none",
            )
        if self.capped:
            raise self._cap_reached()

    async def _work(self) -> None:
        for request in self.waiting:
            body = self._body(request)
            highest = self._highest_cost(body["messages"])
            if not await self._reserve(highest):
                return
            try:
                completion = await self._answer(body)
            finally:
                self.reserved.remove(highest)
                self.finished.set()
            self.done += 1
            self.put((request, completion))

    def _body(self, request: Request) -> dict[str, Any]:
        engine, settings = self.engine, self.engine.settings
        system = [("system", engine.system_prompt)] if engine.system_prompt else []
        body = {
            "model": settings.served_model,
            "messages": [
                {"role": role, "content": content} for role, content in (*system, *request.messages)
            ],
            "temperature": self.sampling.temperature,
            "top_p": self.sampling.top_p,
            settings.tokens_key: self.sampling.max_new_tokens,
            "n": 1,
        }
        if settings.template_arguments:
            body["chat_template_kwargs"] = settings.template_arguments
        if self.form:
            schema = {"name": "answer", "strict": True, "schema": self.form}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body | {"seed": request.seed & LARGEST} if settings.send_seed else body

    def _highest_cost(self, messages: Sequence[Mapping[str, str]]) -> float:
        tokens = sum(len(turn["content"].encode()) + TOKENS_AROUND_A_TURN for turn in messages)
        return self.engine.cost(tokens, self.sampling.max_new_tokens)

    async def _reserve(self, cost: float) -> bool:
        """Wait until the cap allows a request of this cost; false if it never will."""
        while self.engine.spent + sum(self.reserved) + cost > self.engine.limit:
            if not self.reserved:
                self.capped, self.next_cost = True, cost
            if self.capped:
                return False
            self.finished.clear()
            await self.finished.wait()
        self.reserved.append(cost)
        return True

    async def _answer(self, body: Mapping[str, Any]) -> Completion:
        """Send a request; if it fails, let the OpenAI client retry.

        The client's overhead exceeds all other costs of a request, and it is only needed for
        failures.
        """
        outcome = await self.transport.attempt(json.dumps(body).encode(), self.headers)
        if not isinstance(outcome, Completion):
            first_failure.set(outcome)
            try:
                response = await self.client.post(
                    self.engine.endpoint,
                    cast_to=httpx2.Response,
                    body=body,
                    options={"headers": self.left_out},
                )
            except openai.APIStatusError as error:
                return self._refused(error)
            except openai.APIConnectionError as error:
                return self._lost(error)
            outcome = response.extensions["completion"]
        self.engine.proven, self.faults = True, 0
        return outcome

    def _read(self, content: bytes) -> Completion:
        """Read an answer and count its cost.

        Raises:
            MalformedAnswer: it is not an answer.
            UserError: it has no token counts, but there is a spending cap.
        """
        answer = decoded(content)
        tokens = token_counts(answer)
        self.engine.spent += self.engine.cost(*tokens)
        completion = completion_of(answer)
        if None in tokens and math.isfinite(self.engine.limit):
            raise self.engine.fault(
                "the server does not report token counts",
                "the field `usage`, which is needed for the spending cap",
                "remove `spending_cap`, or use a server that sends `usage`",
            )
        return completion

    def _refused(self, error: openai.APIStatusError) -> Completion:
        """An error of the row, or of the source if other rows would fail as well."""
        engine, status = self.engine, error.status_code
        moved = error.response.headers.get("location")
        said = f"{status}: {engine.told(f'moved to {moved}' if moved else _message(error.body))}"
        if status in (408, 409, 429) or status >= 500:
            return self._failed(f"the server answered {said}")
        if status in (401, 402):
            raise engine.fault(
                f"the server rejects the key ({said})",
                f"a key in the environment variable {engine.settings.key_variable} with access to "
                f"{engine.settings.served_model}"
                if engine.settings.key_variable
                else "a server that needs no key (`key_variable: null`)",
                "set the key in the variable named by `engine.key_variable`, or fix the account",
            )
        if status == 404:
            raise engine.fault(
                f"the server does not know the model or the address ({said})",
                f"a model called '{engine.settings.served_model}' and an address with its version path",
                "set `engine.served_model` to a model of this server, or `engine.base_url` to its "
                "address",
            )
        if not engine.proven:
            # A single prompt may be rejected for its content, before another is answered.
            self.refused += 1
            if self.refused >= min(FAULTS_IN_A_ROW, self.total):
                raise engine.fault(
                    f"the server rejects every request, {self.refused} so far ({said})",
                    "a server that accepts the settings of this source, and a key with access to "
                    "it",
                    "set `engine.tokens_key`, `engine.send_seed` or `sampling` to values that the "
                    "server accepts, or check the key's permissions",
                )
        return Completion(None, "error", None, error=f"the server rejected the request, {said}")

    def _lost(self, error: openai.APIConnectionError) -> Completion:
        reason = self.engine.told(str(error.__cause__))
        # After a successful answer, a malformed one indicates a problem with the prompt, not the
        # server.
        excused = self.engine.proven and isinstance(error.__cause__, httpx2.RemoteProtocolError)
        return self._failed(reason, excused)

    def _failed(self, reason: str, excused: bool = False) -> Completion:
        self.faults += not excused
        tries = self.engine.settings.retries + 1
        if self.faults >= FAULTS_IN_A_ROW:
            raise self.engine.fault(
                f"{self.faults} requests in a row failed with {tries} attempts each; the last: "
                f"{reason}",
                "a server that answers",
                "check the server",
                PassingError,
            )
        return Completion(None, "error", None, error=f"{reason} ({tries} attempts)")

    def _cap_reached(self) -> UserError:
        spent, limit = self.engine.spent, self.engine.limit
        return self.engine.fault(
            f"the spending cap is reached: {spent:.4f} of {limit:.4f} USD are spent, and "
            f"{self.total - self.done} of {self.total} requests are left",
            f"a sufficient cap: the next request could cost up to {self.next_cost:.4f} USD",
            "raise `engine.spending_cap`",
        )


class _Transport(httpx2.AsyncBaseTransport):
    """Sends requests over aiohttp with limited concurrency, each with one deadline.

    Args:
        read: parses a successful response.
        failures: counts failed attempts by reason.
    """

    def __init__(
        self,
        engine: OpenAIEngine,
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


class MalformedAnswer(ValueError):
    """The response is not a chat completion."""


def decoded(content: bytes) -> dict[str, Any]:
    """The JSON object of a response.

    Raises:
        MalformedAnswer: it is not an answer.
    """
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise MalformedAnswer(f"not a JSON object: {content!r}")
    return answer


def token_counts(answer: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens of prompt and answer counted by the server, or null."""
    usage = answer.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return _count(prompt), _count(completion)


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= LARGEST else None


def completion_of(answer: Mapping[str, Any]) -> Completion:
    """The answer in a chat completion.

    Raises:
        MalformedAnswer: it contains no answer, or has an invalid finish reason.
    """
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise MalformedAnswer(f"no choices: {json.dumps(answer)}")
    prompt_tokens, completion_tokens = token_counts(answer)
    served = answer.get("model")
    served = _storable(served) if isinstance(served, str) else None
    reason, text = choice.get("finish_reason"), message.get("content")
    if reason == "content_filter":
        return Completion(None, "error", completion_tokens, prompt_tokens, WITHHELD, served)
    if reason not in ("stop", "length"):
        raise MalformedAnswer(f"finish_reason is {reason!r}")
    if not text:
        text = message.get("refusal") or text
    if text is None and reason == "length":
        text = ""  # a reasoning model may reach the limit before its answer begins
    if not isinstance(text, str):
        raise MalformedAnswer(f"its text is {text!r}")
    text = _storable(text.strip())
    return Completion(text, reason, completion_tokens, prompt_tokens, served=served)


def _storable(text: str) -> str:
    return LONE_SURROGATES.sub("\ufffd", text)


def _message(body: object) -> object:
    """A server's error message: the field that most servers use, or the whole body."""
    if isinstance(body, dict):
        return body.get("message") or body.get("detail") or body
    return body or ""


def _address(base_url: str, name: str) -> URL:
    try:
        url = URL(base_url.rstrip("/"))
    except ValueError:
        url = URL()
    excess = url.user or url.password or url.query_string or url.fragment
    if url.scheme in ("http", "https") and url.host and not excess:
        return url
    # The address is not shown because it may contain a key.
    raise UserError(
        what="the server's address is invalid",
        where=f"source '{name}', engine.base_url",
        expected="http:// or https://, a host and the version path, such as "
        "http://localhost:8000/v1, without user name, password, key or query",
        remedy="set `engine.base_url` to such an address; put a key into the variable named by "
        "`key_variable`",
    )


def _key(settings: OpenAISettings, name: str) -> str:
    """The key; empty for a server that needs no key."""
    if settings.key_variable is None:
        return ""
    key = os.environ.get(settings.key_variable, "").strip()
    if not (key.isascii() and key.isprintable() and key):
        raise UserError(
            what="the server's key is missing"
            if not key
            else "the server's key contains invalid characters",
            where=f"environment variable {settings.key_variable} (source '{name}', "
            "engine.key_variable)",
            expected="the key issued by the server",
            remedy=f"export {settings.key_variable}=..., or set `engine.key_variable` to null for "
            "a server that needs no key",
        )
    return key


def _limit(settings: OpenAISettings, name: str, share_of_cap: float) -> float:
    """USD that this job may spend."""
    if settings.spending_cap is None:
        return math.inf
    if not settings.price_in and not settings.price_out:
        raise UserError(
            what=f"there is a spending cap of {settings.spending_cap:g} USD, but both prices are 0",
            where=f"source '{name}', engine.spending_cap",
            expected="the prices for computing the spending",
            remedy="set `engine.price_in` and `engine.price_out` (USD per million tokens), or "
            "remove `spending_cap`",
        )
    return settings.spending_cap * share_of_cap


def _proxy(address: URL) -> dict[str, Any]:
    """The proxy set in the environment for this address."""
    try:
        proxy, authorisation = get_env_proxy_for_url(address)
    except LookupError:
        return {}
    return {"proxy": proxy, "proxy_auth": authorisation}
