"""Requests to a server: a fixed number in flight, retries, the spending cap, and what their errors mean."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx2
import openai

from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import WITHHELD, Completion, Request
from manybaskets.engines.openai_answers import LARGEST, completion_of, decoded, token_counts
from manybaskets.engines.openai_server import ServedModel
from manybaskets.engines.openai_transport import Transport, first_failure
from manybaskets.errors import PassingError, UserError

log = logging.getLogger(__name__)
FAULTS_IN_A_ROW = 20
pause = asyncio.sleep
# A text has at most as many tokens as bytes; a chat template adds fewer tokens than this per turn.
TOKENS_AROUND_A_TURN = 64
# Requests in flight or queued for the next free slot, per slot on the server.
READY_PER_PLACE = 2
# The OpenAI client waits for at most a minute before another try, in seconds.
CLIENT_WAITS, LONGEST_WAIT = 60, 3600
AnsweredRequest = tuple[Request, Completion]


class RequestsInFlight:
    """One call of `generate`: all requests, with a fixed number in flight.

    Args:
        put: receives each answer.
        form: JSON schema of the answers; null for free text.
    """

    def __init__(
        self,
        engine: ServedModel,
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
        self.transport = Transport(self.engine, self._read, self.failures)
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
            **self.sampling.sent(),
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
                response = await self._post(body)
            except openai.APIStatusError as error:
                return self._refused(error)
            except openai.APIConnectionError as error:
                return self._lost(error)
            outcome = response.extensions["completion"]
        self.engine.proven, self.faults = True, 0
        return outcome

    async def _post(self, body: Mapping[str, Any]) -> httpx2.Response:
        """Send a request by the OpenAI client, which does not wait for more than a minute."""
        for tries_left in reversed(range(self.engine.settings.retries + 1)):
            try:
                return await self.client.post(
                    self.engine.endpoint,
                    cast_to=httpx2.Response,
                    body=body,
                    options={"headers": self.left_out},
                )
            except openai.APIStatusError as error:
                seconds = _long_wait(error.response.headers.get("retry-after"))
                if not tries_left or seconds is None:
                    raise
            log.info("the server asks to wait %d s before the next request", seconds)
            await pause(seconds)
        raise AssertionError("the last try returns or raises")

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
        if error.code == "content_filter":
            return Completion(None, "error", None, error=WITHHELD)
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


def _long_wait(asked: str | None) -> float | None:
    """Seconds that a server asks to wait, if they are more than the client waits; None otherwise."""
    seconds = float(asked) if asked and asked.isdigit() else 0.0
    return seconds if CLIENT_WAITS < seconds <= LONGEST_WAIT else None


def _message(body: object) -> object:
    """A server's error message: the field that most servers use, or the whole body."""
    if isinstance(body, dict):
        return body.get("message") or body.get("detail") or body
    return body or ""
