"""A chat server on this machine that says what a test wants it to say, faults included.

    python tests/unit/support/stub_server.py --seconds 0.05

serves on a free port, prints the address and runs until it is killed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the server does with one request: after `seconds` it answers, or hangs up."""

    status: int = 200
    content: Any = None  # bytes as they are, anything else as JSON
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    hang_up: bool = False

    def encoded(self) -> bytes:
        content = self.content
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"Content-Type": "application/json", **self.headers}
        lines = [f"HTTP/1.1 {self.status} Whatever", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def completion(text: str | None, *, reason: str | None = "stop", **message: Any) -> Body:
    """A chat completion; its tokens are the words of `text`, and 10 for the prompt."""
    words = len((text or "").split())
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stub-2024-07-26",
        "choices": [
            {
                "index": 0,
                "finish_reason": reason,
                "message": {"role": "assistant", "content": text, **message},
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": words, "total_tokens": 10 + words},
    }


def question(body: Body) -> str:
    """The last thing that a request asks."""
    return body["messages"][-1]["content"]


def echo(body: Body, before: int) -> Reply:
    """A good answer that names the question."""
    return Reply(content=completion(f"An answer to: {question(body)}"))


class StubServer:
    """The server, in a thread of its own. Use it as a context manager.

    Args:
        reply: says what to do with a request, from its body and how often the same messages were
            asked before.

    Attributes:
        asked: bodies of all requests, in the order they came.
        headers: their headers, with names in lower case.
        most_at_once: largest number of requests under way.
        broken_off: requests whose client left before the answer.
    """

    def __init__(self, reply: Callable[[Body, int], Reply] = echo) -> None:
        self.reply = reply
        self.asked: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.under_way = self.most_at_once = self.broken_off = 0
        self.port = 0
        self._before: Counter[str] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> StubServer:
        started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        if not started.wait(10):
            raise RuntimeError("the stub did not start")
        return self

    def __exit__(self, *problem: object) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self.die)
        self._thread.join(10)

    def die(self) -> None:
        """End like a killed process: every connection breaks and the port is free. It may be started
        again."""
        self._stopped.set()

    def _serve(self, started: threading.Event) -> None:
        self._loop.run_until_complete(self.serve(started.set))
        self._loop.close()

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until stopped; after a restart on the same port."""
        self._stopped = asyncio.Event()
        self._connections: set[_Connection] = set()
        self.under_way = 0
        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self), "127.0.0.1", self.port, backlog=1024
        )
        self.port = server.sockets[0].getsockname()[1]
        ready()
        await self._stopped.wait()
        server.close()
        for connection in self._connections:
            connection.transport.abort()

    def take(self, headers: dict[str, str], body: Body) -> Reply:
        """Note a request and decide on the reply."""
        self.asked.append(body)
        self.headers.append(headers)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        conversation = json.dumps(body["messages"])
        self._before[conversation] += 1
        return self.reply(body, self._before[conversation] - 1)


class _Connection(asyncio.Protocol):
    """HTTP/1.1 as far as a client with JSON bodies of known length needs it."""

    def __init__(self, server: StubServer) -> None:
        self.server, self.received, self.waiting = server, b"", False

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.server._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.server._connections.discard(self)
        if self.waiting:
            self.server.under_way -= 1
            self.server.broken_off += 1

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, rest = self.received.partition(b"\r\n\r\n")
        if not found:
            return
        lines = [line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]]
        headers = {name.lower(): value.strip() for name, _, value in lines}
        length = int(headers["content-length"])
        if len(rest) < length:
            return
        self.received = rest[length:]
        reply = self.server.take(headers, json.loads(rest[:length]))
        self.waiting = True
        asyncio.get_running_loop().call_later(reply.seconds, self.answer, reply)

    def answer(self, reply: Reply) -> None:
        if self.transport.is_closing():
            return
        self.waiting = False
        self.server.under_way -= 1
        if reply.hang_up:
            # Some of an answer, and then nothing more.
            self.transport.write(reply.encoded()[:-10])
            self.transport.close()
        else:
            self.transport.write(reply.encoded())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.0, help="time before each answer")
    seconds = parser.parse_args().seconds
    stub = StubServer(lambda body, before: Reply(content=said, seconds=seconds))
    said = json.dumps(completion("King Harl founded it in the year of the long winter. " * 4))
    said = said.encode()
    asyncio.run(stub.serve(lambda: print(stub.url, flush=True)))


if __name__ == "__main__":
    main()
