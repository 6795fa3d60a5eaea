"""A server on this machine that speaks the OpenAI protocol, and misbehaves where a test wants it to.

with serving() as server:
    server.next(status(500), completion("True"))   # the next two answers; afterwards `server.usual`
    ...
    server.received[0].body["messages"]
"""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

MODEL = "scripted-vlm"
_LONGEST_WAIT_S = 30.0


@dataclass(frozen=True)
class Received:
    """A request as it came; header names in lower case. The body is None where there was none."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """What goes back.

    Attributes:
        body: JSON, or bytes as they are.
        cut_after: so many bytes of the body are sent, then the connection ends.
        stalls: nothing is sent until `server.release` is set, or the client has gone.
        stalls_in_body: the headers and half of the body are sent, then the same.
    """

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    stalls: bool = False
    stalls_in_body: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Answering = Callable[[Received], Reply]


def completion(
    text: str = "True",
    *,
    top: Sequence[tuple[str, float]] | None = None,
    finish_reason: str = "stop",
    tokens: tuple[int, int] | None = (100, 1),
    model: str = MODEL,
) -> Reply:
    """A chat completion.

    Args:
        text: what the model wrote.
        top: tokens and log-probabilities of the first position, the most probable first; the first is the one that
            was chosen. None for an answer without log-probabilities.
        finish_reason: why it ends.
        tokens: of input and output; None for an answer that does not tell.
        model: that is named.
    """
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": finish_reason,
        "logprobs": None,
    }
    if top is not None:
        entries = [{"token": token, "logprob": value, "bytes": list(token.encode())} for token, value in top]
        choice["logprobs"] = {"content": [{**entries[0], "top_logprobs": entries}]}
    body: dict[str, Any] = {"id": "1", "object": "chat.completion", "created": 0, "model": model, "choices": [choice]}
    if tokens is not None:
        body["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    return Reply(body)


def status(
    code: int, message: str = "scripted", *, error_code: str = "", headers: Mapping[str, str] | None = None
) -> Reply:
    """An error as the protocol has it."""
    return Reply({"error": {"message": message, "type": "error", "code": error_code or None}}, code, headers or {})


def too_many(retry_after: str | None = None) -> Reply:
    """Status 429, with a Retry-After if one is given."""
    return status(429, "Too many requests", headers={} if retry_after is None else {"Retry-After": retry_after})


def half(reply: Reply) -> Reply:
    """The connection ends in the middle of the body."""
    return replace(reply, cut_after=len(reply.content) // 2)


def never() -> Reply:
    """Nothing comes until `server.release` is set."""
    return replace(completion(), stalls=True)


def not_json() -> Reply:
    return Reply(b"<html>Service temporarily unavailable</html>", headers={"Content-Type": "text/html"})


def wrong_schema() -> Reply:
    return Reply({"choices": "none of your business", "usage": {"prompt_tokens": 1, "completion_tokens": 1}})


def not_a_number() -> Reply:
    """A completion whose log-probability is NaN, which JSON does not have."""
    return Reply(completion(top=[("True", -0.125)]).content.replace(b"-0.125", b"NaN"))


def no_choices() -> Reply:
    return Reply({**completion().body, "choices": []})


def large(size: int = 10_000_000) -> Reply:
    return completion("a" * size)


def redirect(to: str, code: int = 307) -> Reply:
    return Reply(b"", code, {"Location": to})


class Server:
    """A server in a thread of its own.

    Attributes:
        received: all requests, oldest first.
        usual: what answers when nothing is scripted.
        models: names of the models that it has; another one in a request is refused with status 404.
        release: lets stalled answers go on.
        most_at_once: most requests that were being answered at the same time.
    """

    def __init__(self, certificate: Certificate | None = None) -> None:
        self.received: list[Received] = []
        self.usual: Answering = lambda _: completion()
        self.models: tuple[str, ...] = (MODEL,)
        self.release = threading.Event()
        self.most_at_once = 0
        self._scripted: deque[Reply] = deque()
        self._at_once = 0
        self._changed = threading.Condition()
        self._connections: set[socket.socket] = set()
        self._certificate = certificate
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self.port = 0
        self.start()

    @property
    def address(self) -> str:
        """Without a path."""
        return f"{'https' if self._certificate else 'http'}://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.address}/v1"

    def next(self, *replies: Reply) -> None:
        """Script the next answers, whatever they are asked for."""
        self._scripted.extend(replies)

    def wait_for(self, requests: int) -> None:
        """Wait until so many requests have come in all."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= requests, _LONGEST_WAIT_S)

    def start(self) -> None:
        """Serve, after `stop` at the same port as before."""
        outer = self

        class Handler(_Handler):
            server_state = outer

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate.certificate, self._certificate.key)
            # The handshake is made by the thread of the connection: one that fails must not hold up the others.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections, and end those that are open."""
        assert self._server is not None and self._thread is not None
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _take(self, received: Received) -> Reply:
        with self._changed:
            self.received.append(received)
            scripted = self._scripted.popleft() if self._scripted else None
            self._changed.notify_all()
        if scripted is not None:
            return scripted
        if received.path == "/v1/models":
            return Reply({"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})
        asked = received.body.get("model") if isinstance(received.body, dict) else None
        if asked is not None and asked not in self.models:
            return status(404, f"The model `{asked}` does not exist.", error_code="model_not_found")
        return self.usual(received)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        with self._changed:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._changed:
                self._at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    server_state: Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.server_state._connections.add(self.request)
        super().setup()

    def finish(self) -> None:
        self.server_state._connections.discard(self.request)
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        # The client may go at any time, and may refuse the certificate.
        with suppress(OSError):
            super().handle()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(json.loads(body))

    def _answer(self, body: Any) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server_state._answering():
            self._send(self.server_state._take(Received(self.command, self.path, headers, body)))

    def _send(self, reply: Reply) -> None:
        if reply.stalls:
            self._stall()
        content = reply.content
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if reply.stalls_in_body:
            self.wfile.write(content[: len(content) // 2])
            self._stall()
            content = content[len(content) // 2 :]
        self.wfile.write(content if reply.cut_after is None else content[: reply.cut_after])
        self.close_connection = self.close_connection or reply.cut_after is not None

    def _stall(self) -> None:
        self.server_state.release.wait(_LONGEST_WAIT_S)


@contextmanager
def serving(certificate: Certificate | None = None) -> Iterator[Server]:
    """A server for as long as the block runs, over TLS where it has a certificate."""
    server = Server(certificate)
    try:
        yield server
    finally:
        server.release.set()
        server.stop()


@dataclass(frozen=True)
class Certificate:
    """PEM files of a certificate that signs itself, for 127.0.0.1."""

    certificate: Path
    key: Path


def self_signed(folder: Path) -> Certificate:
    """Make a certificate. The test is skipped where there is no openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("There is no openssl to make a certificate with.")
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return made
