"""What was asked and answered, in a file of JSON lines that can answer in the place of the server."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import threading
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pydantic
from pydantic import JsonValue

from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.models.remote import errors
from vlm_judge_ros.models.remote.errors import NotRecorded, Refused, RemoteError
from vlm_judge_ros.models.remote.key import Key

_IMAGE = re.compile(r"(?:data:image/[\w.+-]+;base64,)?[A-Za-z0-9+/]{256,}={0,2}\Z")
_KINDS: dict[str, type[JudgeError]] = {
    Cancelled.__name__: Cancelled,
    **{kind.__name__: kind for kind in RemoteError.__subclasses__()},
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: everything that decides the answer, but not the key."""

    base_url: str
    method: str
    path: str
    body: Mapping[str, JsonValue] | None

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256. The order of names in objects does not matter."""
        text = json.dumps([self.base_url, self.method, self.path, self.body], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


class _Error(pydantic.BaseModel):
    kind: str
    message: str
    status: int = 0
    code: str = ""


class _Line(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    version: Literal[1] = 1
    run: str
    number: int
    base_url: str
    method: str
    path: str
    digest: str
    body: JsonValue = None
    answer: dict[str, JsonValue] | None = None
    error: _Error | None = None
    images: dict[str, str] = {}


class Recorder:
    """Appends exchanges to a file; several may append to the same one.

    An image is written once, under its hash, which stands in its place in the bodies. Keys are taken out of
    everything; headers are not written at all. The file is for its owner only, because it shows what the cameras saw.

    Args:
        file: is made where it is not there.
        key: to be taken out; None for none.

    Raises:
        JudgeError: the file cannot be written.
    """

    def __init__(self, file: Path, key: Key | None) -> None:
        self._file = file
        self._key = key
        self._run = uuid.uuid4().hex
        self._images: set[str] = set()
        self._lock = threading.Lock()
        with _opened(file) as descriptor:
            _drop_unfinished_line(descriptor)

    def write(self, number: int, request: Request, outcome: dict[str, Any] | JudgeError) -> None:
        """Append one exchange.

        Args:
            number: of the request, in the order in which they were made.
            request: what was asked.
            outcome: the answer, or why there is none.

        Raises:
            JudgeError: the file cannot be written.
        """
        images: dict[str, str] = {}
        body = _without_images(dict(request.body) if request.body is not None else None, images)
        line: dict[str, Any] = {
            "version": 1,
            "run": self._run,
            "number": number,
            "base_url": request.base_url,
            "method": request.method,
            "path": request.path,
            "digest": request.digest,
            "body": body,
            **({"error": _described(outcome)} if isinstance(outcome, JudgeError) else {"answer": outcome}),
        }
        with self._lock:
            new_images = {digest: image for digest, image in images.items() if digest not in self._images}
            if new_images:
                line["images"] = new_images
            content = json.dumps(self._key.scrub(line) if self._key else line, separators=(",", ":")).encode() + b"\n"
            with _opened(self._file) as descriptor:
                _append(descriptor, content, self._file)
            self._images |= new_images.keys()


class Recording:
    """Answers requests from a file that a `Recorder` wrote.

    Equal requests get their answers in the order in which these were asked for. What failed then fails again, in the
    same words.

    Args:
        file: of exchanges.

    Raises:
        JudgeError: the file cannot be read.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._outcomes: dict[str, deque[_Line]] = {}
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        runs: dict[str, int] = {}
        self._places: dict[tuple[str, int], int] = {}
        lines = _read(file)
        for place, line in enumerate(lines):
            runs.setdefault(line.run, len(runs))
            self._places[line.run, line.number] = place
        for line in sorted(lines, key=lambda line: (runs[line.run], line.number)):
            self._outcomes.setdefault(line.digest, deque()).append(line)
            self._counts[line.digest] = self._counts.get(line.digest, 0) + 1

    def answers(self, requests: Sequence[Request]) -> list[dict[str, Any]]:
        """The next answers to requests that are made together.

        Raises:
            JudgeError: one of the calls failed then, or was cancelled.
            NotRecorded: one has no answer, or none is left.
        """
        with self._lock:
            lines = [self._next(request) for request in requests]
        # The first that fails ends those beside it, which then have no line of their own.
        failed = [line for line in lines if line is not None and line.error is not None]
        if failed:
            first = min(failed, key=lambda line: self._places[line.run, line.number])
            assert first.error is not None
            raise _raised(first.error)
        answers = []
        for request, line in zip(requests, lines, strict=True):
            if line is None:
                raise self._not_recorded(request)
            answers.append(dict(line.answer or {}))
        return answers

    def _next(self, request: Request) -> _Line | None:
        left = self._outcomes.get(request.digest)
        return left.popleft() if left else None

    def _not_recorded(self, request: Request) -> NotRecorded:
        about = f"({request.method} {request.path}, hash {request.digest[:16]})"
        count = self._counts.get(request.digest, 0)
        if count:
            return NotRecorded(f"The recording {self._file} answers this request {about} {count} times, and no more.")
        return NotRecorded(
            f"The recording {self._file} has no answer to this request {about}; model, prompts, images and settings "
            "have to be those of the recording."
        )


def _read(file: Path) -> list[_Line]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise JudgeError(f"The recording {file} cannot be read ({error.strerror}).") from error
    # A line without an end was being written when the program ended; what it asked was not answered.
    lines = content.split(b"\n")[:-1]
    read = []
    for number, line in enumerate(lines, start=1):
        try:
            read.append(_Line.model_validate_json(line))
        except pydantic.ValidationError as error:
            cause = error.errors()[0]
            place = ".".join(map(str, cause["loc"]))
            raise JudgeError(
                f"Line {number} of {file} is no recorded exchange ({place + ': ' if place else ''}{cause['msg']})."
            ) from None
    return read


def _without_images(value: Any, images: dict[str, str]) -> Any:
    if isinstance(value, str):
        if not _IMAGE.match(value):
            return value
        digest = hashlib.sha256(value.encode()).hexdigest()
        images[digest] = value
        return f"image:{digest}"
    if isinstance(value, Mapping):
        return {name: _without_images(entry, images) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_images(entry, images) for entry in value]
    return value


def _described(error: JudgeError) -> dict[str, Any]:
    about = {"kind": type(error).__name__, "message": str(error)}
    return {**about, "status": error.status, "code": error.code} if isinstance(error, Refused) else about


def _raised(error: _Error) -> JudgeError:
    if error.kind == errors.Refused.__name__:
        return Refused(error.message, error.status, error.code)
    return _KINDS.get(error.kind, JudgeError)(error.message)


@contextmanager
def _opened(file: Path) -> Iterator[int]:
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JudgeError(f"The recording {file} cannot be written ({error.strerror}).") from error
    try:
        # Against other processes that record into the same file.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _append(descriptor: int, content: bytes, file: Path) -> None:
    start = os.fstat(descriptor).st_size
    try:
        written = os.write(descriptor, content)
        if written == len(content):
            return
        cause = "the disk is full"
    except OSError as error:
        cause = error.strerror or str(error)
    os.ftruncate(descriptor, start)
    raise JudgeError(f"The recording {file} cannot be written ({cause}).")


def _drop_unfinished_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    end = size
    while end > 0:
        start = max(0, end - 65536)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end != size:
        os.ftruncate(descriptor, end)
