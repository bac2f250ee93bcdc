"""The `openai` engine: any hosted or self-hosted server with OpenAI's chat completions API."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anyio.from_thread import start_blocking_portal

from manybaskets.config.engine_kinds import Opening
from manybaskets.config.engines import OpenAISettings
from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import Completion, Request
from manybaskets.engines.openai_requests import AnsweredRequest, RequestsInFlight
from manybaskets.engines.openai_server import ServedModel


def open_engine(settings: OpenAISettings, opening: Opening) -> OpenAIEngine:
    """Connect to the server of a config section."""
    return OpenAIEngine(settings, opening.prompting, opening.name, opening.share_of_cap)


class OpenAIEngine(ServedModel):
    """A model behind a server.

    Requests run in a separate thread, at most `settings.concurrency` at a time. The OpenAI client
    retries transient failures, after increasing pauses or the time named by the server; a malformed
    answer counts as a transient failure. A request that still fails after all retries becomes an
    error of its row, unless the failure concerns the whole source: then generation stops.

    A refusal in the field `refusal` is used as the answer's text. An answer withheld by the
    server's content filter is an error of its row and is not requested again.

    Args and errors: as `ServedModel`.
    """

    takes_form = True

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
        job = RequestsInFlight(self, requests, sampling, finished.put, form)
        # The consumer may stop at any time; leaving this block then ends all requests.
        with start_blocking_portal() as portal:
            work = portal.start_task_soon(job.run)
            work.add_done_callback(lambda _: finished.put(None))
            while pair := finished.get():
                yield pair
            work.result()
