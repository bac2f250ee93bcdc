"""The `openai` engine: any server that speaks OpenAI's chat completions, hosted or one's own."""

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
LARGEST = 2**31 - 1  # seed that every server takes; count of tokens that responses hold
LONGEST_MESSAGE = 300  # characters of what a server says, in errors
FAULTS_IN_A_ROW = 20
SECONDS_TO_CONNECT = 10.0
# A text has at most as many tokens as bytes; what a chat template adds to a turn is less than this.
TOKENS_AROUND_A_TURN = 64
# Requests under way or made ready for the next free place, per place on the server.
READY_PER_PLACE = 2
# Headers that matter when a request fails.
HEEDED = {"content-type", "location", "retry-after", "retry-after-ms", "x-should-retry"}
# JSON may spell these out, but no file can hold them.
LONE_SURROGATES = re.compile("[\ud800-\udfff]")
AnsweredRequest = tuple[Request, Completion]
Failure = httpx2.Response | httpx2.TransportError
# How the first try of a request ended, until the OpenAI client has been told.
first_failure: ContextVar[Failure | None] = ContextVar("first_failure", default=None)


def open_engine(settings: OpenAISettings, opening: Opening) -> OpenAIEngine:
    """Connect to the server of a config's section."""
    return OpenAIEngine(settings, opening.prompting, opening.name, opening.share_of_cap)


class OpenAIEngine(Engine):
    """A model behind a server.

    Requests run in a thread of their own, at most `settings.concurrency` at a time. The OpenAI client
    repeats what failed on the way, after growing pauses or the time that the server names; an answer
    that makes no sense counts as a failure on the way. What still fails after all retries is an error
    of its row, unless it concerns the whole source: then generation stops.

    A refusal in the field `refusal` is taken as the answer's text. An answer that the server's content
    filter withheld is an error of its row and is not asked for again.

    Args:
        settings: the engine's section in the config.
        prompting: system prompt.
        name: how errors call the source.
        share_of_cap: share of the spending cap that this job may use.

    Raises:
        UserError: the address is not usable; the key is missing; a cap without prices.
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
        self.spent = 0.0  # USD, by this job and by earlier ones on the same rows
        self.reached = False  # the server has answered this job, whatever it said
        self.proven = False  # the server has answered this job or an earlier one as it should
        self.identity = {
            "engine": "openai",
            "engine_version": openai.__version__,
            "base_url": str(self.address),
            "model": settings.served_model,
            "system_prompt": prompting.system_prompt,
            "send_seed": settings.send_seed,
            "tokens_key": settings.tokens_key,
        }
        for library in ("openai", "httpx2"):
            # They log every request and every pause.
            logging.getLogger(library).setLevel(logging.WARNING)

    def recall(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add up what the rows of earlier jobs cost."""
        for row in rows:
            self.proven = True
            self.spent += self.cost(row["prompt_tokens"], row["completion_tokens"])

    def cost(self, prompt_tokens: int | None, completion_tokens: int | None) -> float:
        """Price of so many tokens, in USD; nothing for tokens that no one counted."""
        price_in, price_out = self.settings.price_in, self.settings.price_out
        return ((prompt_tokens or 0) * price_in + (completion_tokens or 0) * price_out) / 1e6

    def generate(
        self,
        requests: Sequence[Request],
        sampling: Sampling,
        form: Mapping[str, Any] | None = None,
    ) -> Iterator[tuple[Request, Completion]]:
        """Answer requests; each comes as soon as it is finished, in no fixed order.

        Raises:
            UserError: the server is not there, refuses the key, the model or every request, or has
                stopped answering; the spending cap is reached. All that finished came before.
        """
        if not requests:
            return
        finished: queue.SimpleQueue[AnsweredRequest | None] = queue.SimpleQueue()
        job = _Job(self, requests, sampling, finished.put, form)
        # Whoever reads may stop at any moment; leaving this block then ends all requests.
        with start_blocking_portal() as portal:
            work = portal.start_task_soon(job.run)
            work.add_done_callback(lambda _: finished.put(None))
            while pair := finished.get():
                yield pair
            work.result()

    def client(self, transport: httpx2.AsyncBaseTransport) -> openai.AsyncOpenAI:
        """The OpenAI client over a transport."""
        return openai.AsyncOpenAI(
            # Without a key it would take OPENAI_API_KEY, which is not for this server.
            api_key=self._key or "none",
            base_url=str(self.address),
            timeout=self.settings.timeout,
            max_retries=self.settings.retries,
            default_headers={"Accept-Encoding": "gzip, deflate"},
            http_client=httpx2.AsyncClient(transport=transport),
        )

    def headers(self, client: openai.AsyncOpenAI) -> dict[str, str | openai.Omit]:
        """The headers of a request; `Omit` marks those that are left out."""
        key = client.auth_headers if self._key else {"Authorization": openai.Omit()}
        return client.default_headers | key

    def fault(
        self, what: str, expected: str, remedy: str, kind: type[UserError] = UserError
    ) -> UserError:
        """A fault of the whole source."""
        return kind(
            what=what,
            where=f"source '{self.name}', {self.address}",
            expected=expected,
            remedy=f"{remedy}, then run again: finished rows are kept",
        )

    def told(self, message: object) -> str:
        """What a server says: one line, not too long, without the key."""
        if self.discreet:
            return "what it said is not shown"
        text = message if isinstance(message, str) else json.dumps(message)
        text = text.replace(self._key, "***") if self._key else text
        return _storable(" ".join(text.split())[:LONGEST_MESSAGE]) or "no message"


class _Job:
    """One call of `generate`: all requests, a fixed number under way.

    Args:
        put: takes each answer.
        form: JSON schema of the answers; null for free ones.
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
        self.failures: Counter[str] = Counter()  # failed tries, by reason
        self.faults = 0  # rows in a row that the server gave no answer to
        self.refused = 0  # rows that it refused before it answered any
        self.reserved: list[float] = []  # highest cost of each request under way, USD
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
                "%d of %d requests done, %.4f USD spent so far; failed tries: %s",
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
        if self.form:
            schema = {"name": "answer", "strict": True, "schema": self.form}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body | {"seed": request.seed & LARGEST} if settings.send_seed else body

    def _highest_cost(self, messages: Sequence[Mapping[str, str]]) -> float:
        tokens = sum(len(turn["content"].encode()) + TOKENS_AROUND_A_TURN for turn in messages)
        return self.engine.cost(tokens, self.sampling.max_new_tokens)

    async def _reserve(self, cost: float) -> bool:
        """Wait until a request may cost this much; false when it never may."""
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
        """Ask, and where that fails let the OpenAI client ask again.

        The client's own work takes longer than all else that a request costs, and it is needed for
        what fails only.
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
            MalformedAnswer: it is none.
            UserError: it tells no token counts, and there is a cap to be kept.
        """
        answer = decoded(content)
        tokens = token_counts(answer)
        self.engine.spent += self.engine.cost(*tokens)
        completion = completion_of(answer)
        if None in tokens and math.isfinite(self.engine.limit):
            raise self.engine.fault(
                "the server does not say how many tokens an answer took",
                "the field `usage`, which the spending cap is kept by",
                "leave spending_cap out, or take a server that sends `usage`",
            )
        return completion

    def _refused(self, error: openai.APIStatusError) -> Completion:
        """An error of the row, or of the source where the next row would fare no better."""
        engine, status = self.engine, error.status_code
        moved = error.response.headers.get("location")
        said = f"{status}: {engine.told(f'moved to {moved}' if moved else _message(error.body))}"
        if status in (408, 409, 429) or status >= 500:
            return self._failed(f"the server answered {said}")
        if status in (401, 402):
            raise engine.fault(
                f"the server refuses the key ({said})",
                f"a key in the environment variable {engine.settings.key_variable} that may use "
                f"{engine.settings.served_model}"
                if engine.settings.key_variable
                else "a server that asks for no key (key_variable: null)",
                "set the key (engine.key_variable names its variable) or fix the account",
            )
        if status == 404:
            raise engine.fault(
                f"the server does not know the model or the address ({said})",
                f"a model called '{engine.settings.served_model}' and an address with its version path",
                "correct engine.served_model or engine.base_url",
            )
        if not engine.proven:
            # One prompt may be refused for its own sake, and sooner than another is answered.
            self.refused += 1
            if self.refused >= min(FAULTS_IN_A_ROW, self.total):
                raise engine.fault(
                    f"the server refuses every request, {self.refused} so far ({said})",
                    "a server that takes the settings of this source, and a key that may use it",
                    "set engine.tokens_key, engine.send_seed or `sampling` as the server wants them, "
                    "or see to the key's rights",
                )
        return Completion(None, "error", None, error=f"the server refused the request, {said}")

    def _lost(self, error: openai.APIConnectionError) -> Completion:
        reason = self.engine.told(str(error.__cause__))
        # Once it has answered well, an answer of no use speaks against one prompt, not the server.
        excused = self.engine.proven and isinstance(error.__cause__, httpx2.RemoteProtocolError)
        return self._failed(reason, excused)

    def _failed(self, reason: str, excused: bool = False) -> Completion:
        self.faults += not excused
        tries = self.engine.settings.retries + 1
        if self.faults >= FAULTS_IN_A_ROW:
            raise self.engine.fault(
                f"{self.faults} requests in a row failed in {tries} tries each; the last: {reason}",
                "a server that answers",
                "see to the server",
                PassingError,
            )
        return Completion(None, "error", None, error=f"{reason} ({tries} tries)")

    def _cap_reached(self) -> UserError:
        spent, limit = self.engine.spent, self.engine.limit
        return self.engine.fault(
            f"the spending cap is reached: {spent:.4f} of {limit:.4f} USD are spent, "
            f"{self.total - self.done} of {self.total} requests are left",
            f"a cap for all of them: one more could cost up to {self.next_cost:.4f} USD",
            "raise engine.spending_cap",
        )


class _Transport(httpx2.AsyncBaseTransport):
    """Carries requests over aiohttp, at most so many at a time, each with one deadline for all of it.

    Args:
        read: reads what a good response holds.
        failures: counts failed tries by reason.
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
        """Wait for a free place, send a request and read what comes back."""
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
            return httpx2.RemoteProtocolError(f"the answer is of no use: {error}")

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One try as the OpenAI client sees it; the first is over already."""
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
            f"no connection to the server: {error}",
            "a server that listens at engine.base_url",
            "start the server, or correct engine.base_url",
            PassingError,
        )

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            await self.session.close()


class MalformedAnswer(ValueError):
    """What came is no chat completion."""


def decoded(content: bytes) -> dict[str, Any]:
    """The JSON object of a response.

    Raises:
        MalformedAnswer: it is none.
    """
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise MalformedAnswer(f"no JSON object: {content!r}")
    return answer


def token_counts(answer: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens of prompt and answer as the server counted them; null where it did not."""
    usage = answer.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return _count(prompt), _count(completion)


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= LARGEST else None


def completion_of(answer: Mapping[str, Any]) -> Completion:
    """The answer in a chat completion.

    Raises:
        MalformedAnswer: it holds none, or ended in a way that an answer does not end.
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
        text = ""  # a model that thinks first may reach the limit before it says anything
    if not isinstance(text, str):
        raise MalformedAnswer(f"its text is {text!r}")
    text = _storable(text.strip())
    return Completion(text, reason, completion_tokens, prompt_tokens, served=served)


def _storable(text: str) -> str:
    return LONE_SURROGATES.sub("\ufffd", text)


def _message(body: object) -> object:
    """What a server says went wrong: the field that most of them use, or all it sent."""
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
    # The address is not shown: it may hold a key.
    raise UserError(
        what="the address of the server cannot be used",
        where=f"source '{name}', engine.base_url",
        expected="http:// or https://, a host and the version path, such as "
        "http://localhost:8000/v1; no name, password, key or query in it",
        remedy="correct engine.base_url; a key belongs into the variable that key_variable names",
    )


def _key(settings: OpenAISettings, name: str) -> str:
    """The key, or nothing for a server that asks for none."""
    if settings.key_variable is None:
        return ""
    key = os.environ.get(settings.key_variable, "").strip()
    if not (key.isascii() and key.isprintable() and key):
        raise UserError(
            what="the key of the server is missing"
            if not key
            else "what should be the key of the server holds characters that no key has",
            where=f"environment variable {settings.key_variable} (source '{name}', "
            "engine.key_variable)",
            expected="the key that the server gave out",
            remedy=f"export {settings.key_variable}=..., or set engine.key_variable to null for a "
            "server that asks for none",
        )
    return key


def _limit(settings: OpenAISettings, name: str, share_of_cap: float) -> float:
    """USD that this job may spend."""
    if settings.spending_cap is None:
        return math.inf
    if not settings.price_in and not settings.price_out:
        raise UserError(
            what=f"a spending cap of {settings.spending_cap:g} USD, and both prices are 0",
            where=f"source '{name}', engine.spending_cap",
            expected="the prices that spending is counted with",
            remedy="set engine.price_in and engine.price_out (USD per million tokens), or leave "
            "spending_cap out",
        )
    return settings.spending_cap * share_of_cap


def _proxy(address: URL) -> dict[str, Any]:
    """The proxy that the environment names for this address."""
    try:
        proxy, authorisation = get_env_proxy_for_url(address)
    except LookupError:
        return {}
    return {"proxy": proxy, "proxy_auth": authorisation}
