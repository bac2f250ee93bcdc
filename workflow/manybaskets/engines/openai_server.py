"""A model behind a server with OpenAI's API: address, key, prices, errors."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import httpx2
import openai
from yarl import URL

from manybaskets.config.engines import OpenAISettings
from manybaskets.config.models import Prompting
from manybaskets.engines.base import Engine
from manybaskets.engines.openai_answers import storable
from manybaskets.errors import UserError

LONGEST_MESSAGE = 300  # maximum characters of server messages in errors


class ServedModel(Engine):
    """A model behind a server: its address, key and prices, and errors that concern all of it.

    Args:
        settings: the engine's section in the config.
        prompting: system prompt.
        name: name of the source in errors.
        share_of_cap: share of the spending cap that this job may use.

    Raises:
        UserError: the address is invalid, the key is missing, or there is a cap without prices.
    """

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
        return storable(" ".join(text.split())[:LONGEST_MESSAGE]) or "no message"


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
