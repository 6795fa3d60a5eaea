"""A server on this machine that answers as the Hugging Face hub does, and fails where a test wants it to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class HubServer:
    """What the server offers and does.

    Attributes:
        repository: owner/name.
        root: folder with the files of the repository.
        cut: per file, after how many bytes of an answer the connection ends.
        only_once: files that are answered with status 503 when they are asked for again.
        stall: per file, after how many bytes the server sends nothing more until `release` is set.
        stalled: set once that has happened.
        status: per path or file, a status that is sent instead.
        spoiled: files whose content is not what their checksum says.
        ignores_range: send whole files whatever is asked for.
        redirect: where files are sent from instead.
        tokens: what came as authorization.
        ranges: per file, the ranges that were asked for; "" for a whole file.
    """

    repository: str
    root: Path
    endpoint: str = ""
    cut: dict[str, int] = field(default_factory=dict)
    only_once: set[str] = field(default_factory=set)
    stall: dict[str, int] = field(default_factory=dict)
    stalled: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    status: dict[str, int] = field(default_factory=dict)
    spoiled: set[str] = field(default_factory=set)
    ignores_range: bool = False
    redirect: str = ""
    tokens: set[str] = field(default_factory=set)
    ranges: dict[str, list[str]] = field(default_factory=dict)

    def siblings(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        for path in sorted(self.root.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                name = path.relative_to(self.root).as_posix()
                blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
                sibling: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": blob}
                if ".onnx" in name or name == "tokenizer.json":
                    sha256 = hashlib.sha256(content).hexdigest()
                    sibling["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 130}
                found.append(sibling)
        return found


@contextmanager
def hub_server(repository: str, root: Path) -> Iterator[HubServer]:
    """Serve a folder as a repository until the block ends."""
    hub = HubServer(repository, root)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: object) -> None: ...

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            hub.tokens |= set(self.headers.get_all("Authorization", []))
            if path.startswith(f"/api/models/{hub.repository}"):
                if "api" in hub.status:
                    return self._fail(hub.status["api"])
                fields = {"id": hub.repository, "sha": COMMIT, "private": False, "siblings": hub.siblings(), "tags": []}
                return self._send(json.dumps(fields).encode(), "application/json")
            prefix = f"/{hub.repository}/resolve/{COMMIT}/"
            if path.startswith(prefix) and hub.redirect:
                self.send_response(302)
                self.send_header("Location", f"{hub.redirect}{path}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            if path.startswith(prefix) and (hub.root / path[len(prefix) :]).is_file():
                return self._file(path[len(prefix) :])
            self._fail(404, "RepoNotFound" if path.startswith("/api") else "EntryNotFound")

        def _file(self, name: str) -> None:
            wanted = self.headers.get("Range", "")
            hub.ranges.setdefault(name, []).append(wanted)
            if name in hub.only_once and len(hub.ranges[name]) > 1:
                return self._fail(503)
            if name in hub.status:
                return self._fail(hub.status[name])
            content = (hub.root / name).read_bytes()
            if name in hub.spoiled:
                content = bytes(255 - byte for byte in content)
            start = 0
            if wanted and not hub.ignores_range:
                start = int(wanted.removeprefix("bytes=").split("-")[0])
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("Connection", "close")
            self.end_headers()
            most = min(hub.cut.get(name, len(content)), hub.stall.get(name, len(content)))
            self.wfile.write(content[start : start + most])
            if name in hub.stall:
                self.wfile.flush()
                hub.stalled.set()
                hub.release.wait(60)
            self.close_connection = True

        def _send(self, content: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _fail(self, status: int, code: str = "") -> None:
            self.send_response(status)
            if code:
                self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.release.set()
            server.shutdown()
            thread.join()
