"""Serves the page for labelling to a browser on this machine, and to nobody else."""

from __future__ import annotations

import hmac
import json
import re
import secrets
import socket
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any, ClassVar

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.labels.answers import Answers

HOST = "127.0.0.1"
LONGEST_BODY = 16 << 10
_TIMEOUT_S = 30.0
_PARTS = {
    "": ("label.html", "text/html; charset=utf-8"),
    "label.css": ("label.css", "text/css; charset=utf-8"),
    "label.js": ("label.js", "text/javascript; charset=utf-8"),
    "film.js": ("film.js", "text/javascript; charset=utf-8"),
    "player.js": ("player.js", "text/javascript; charset=utf-8"),
}
"""What the page is made of; nothing else is ever read from the disk because a request asks for it."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_EPISODE = re.compile(r"episode/(\d{1,7})")
_VERDICT = re.compile(r"verdict/(\d{1,7})")
_PICTURE = re.compile(r"picture/(\d{1,7})/(\d{1,3})/(\d{1,7})")


class LabelServer(ThreadingHTTPServer):
    """Listens on the loopback interface. Its address holds a word that only the person at this terminal knows.

    Args:
        answers: answers the page.
        port: 0 for one that is free.

    Raises:
        JudgeError: the port is taken, or may not be used.
    """

    daemon_threads = True

    def __init__(self, answers: Answers, port: int = 0) -> None:
        self.answers = answers
        self.token = secrets.token_urlsafe(24)
        package = resources.files("vlm_judge_ros.replay.labels") / "page"
        self.parts = {name: ((package / file).read_bytes(), kind) for name, (file, kind) in _PARTS.items()}
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise JudgeError(
                f"Port {port} of {HOST} cannot be used ({error.strerror}); choose another one with --port."
            ) from error
        self.hosts = {f"{name}:{self.server_port}" for name in (HOST, "localhost")}

    @property
    def address(self) -> str:
        """What the person opens."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no error."""


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "vlm-judge"
    sys_version = ""
    timeout = _TIMEOUT_S
    server: LabelServer

    _SAVING: ClassVar[dict[str, Callable[[Answers, bytes], dict[str, Any]]]] = {
        "judge": Answers.judge,
        "prefer": Answers.prefer,
        "undo": Answers.undo,
    }

    def setup(self) -> None:
        super().setup()
        # Pictures are small and many; waiting to send more at once would delay each of them.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is for the address."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the base class refuses as everything else."""
        self.close_connection = True
        self._send_json(HTTPStatus(code), {"error": message or HTTPStatus(code).phrase})

    def _answer(self, answer: Callable[[str], None]) -> None:
        try:
            answer(self._checked())
        except _Refused as refused:
            self.close_connection = True  # what follows in a refused request is not read
            self._send_json(refused.status, {"error": str(refused)})
        except JudgeError as error:
            self._send_json(HTTPStatus.UNPROCESSABLE_ENTITY, {"error": str(error)})

    def _checked(self) -> str:
        """What is asked for, without the word that gives access.

        A page of the internet whose name was made to lead here (DNS rebinding) comes with its own name as host, and a
        form or script of one (CSRF) with its own origin.
        """
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or hosts[0] not in self.server.hosts:
            raise _Refused(HTTPStatus.MISDIRECTED_REQUEST, "This page is only for this machine, under its own address.")
        origins = self.headers.get_all("Origin", [])
        if any(origin not in {f"http://{host}" for host in self.server.hosts} for origin in origins):
            raise _Refused(HTTPStatus.FORBIDDEN, "Other pages may not ask here.")
        if self.command == "POST" and len(origins) != 1:
            raise _Refused(HTTPStatus.FORBIDDEN, "Labels are only taken from the page itself.")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise _Refused(HTTPStatus.FORBIDDEN, "Other pages may not ask here.")
        _, _, rest = self.path.partition("/")
        token, slash, wanted = rest.partition("/")
        if not slash or not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN, "Open the address that `vlm-judge label` printed, whole.")
        return wanted

    def _get(self, wanted: str) -> None:
        answers = self.server.answers
        found: dict[str, Any] | None = None
        if wanted in self.server.parts:
            return self._send(HTTPStatus.OK, *self.server.parts[wanted])
        if match := _PICTURE.fullmatch(wanted):
            jpeg = answers.picture(int(match[1]), int(match[2]), int(match[3]))
            if jpeg is not None:
                return self._send(HTTPStatus.OK if jpeg else HTTPStatus.NO_CONTENT, jpeg, "image/jpeg")
        elif match := _EPISODE.fullmatch(wanted):
            found = answers.episode(int(match[1]))
        elif match := _VERDICT.fullmatch(wanted):
            found = answers.verdict(int(match[1]))
        elif wanted == "sitting":
            found = answers.sitting()
        if found is None:
            raise _Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
        self._send_json(HTTPStatus.OK, found)

    def _post(self, wanted: str) -> None:
        if wanted not in self._SAVING:
            raise _Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
        if self.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A label is sent as JSON.")
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"\d{1,9}", length) or "Transfer-Encoding" in self.headers:
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "A label says how long it is.")
        if int(length) > LONGEST_BODY:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A label has at most {LONGEST_BODY} bytes.")
        self._send_json(HTTPStatus.OK, self._SAVING[wanted](self.server.answers, self.rfile.read(int(length))))

    def _send_json(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        self._send(status, json.dumps(content, allow_nan=False).encode(), "application/json")

    def _send(self, status: HTTPStatus, data: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        # A picture never changes while its address has the same word.
        lasting = kind == "image/jpeg" and status is HTTPStatus.OK
        self.send_header("Cache-Control", "private, max-age=3600" if lasting else "no-store")
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
