"""One attempt: a request out through the openai client, the bytes of an answer back, within limits of time and size."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import openai
from pydantic import JsonValue

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.remote.address import Address
from vlm_judge_ros.models.remote.answer import in_words, read_object, told_error
from vlm_judge_ros.models.remote.errors import BadAnswer, Overloaded, Refused, RemoteError, Unreachable
from vlm_judge_ros.models.remote.key import Key
from vlm_judge_ros.models.remote.retries import asked_pause_s, is_overload, is_worth_a_retry
from vlm_judge_ros.models.remote.settings import ServerKind, ServerSettings

_STREAM = {"X-Stainless-Raw-Response": "stream"}
"""What openai's own `with_streaming_response` sets: the body is left to be read piece by piece."""

_SENT = frozenset(
    {"host", "content-length", "content-type", "accept", "connection", "user-agent", "x-stainless-raw-response"}
)
"""Headers that go out. The client has more, of its own and from environment variables, that nobody asked for."""

_NO_KEY = "none"
"""Stands in the openai client in the place of the key, which is added to each request when it goes out."""

_LARGEST_ERROR = 65536

for _name in ("openai", "httpcore", "httpcore2"):
    # Their debug logs hold bodies, with all images, and headers as they come. Whoever wants that sets their levels.
    if logging.getLogger(_name).level == logging.NOTSET:
        logging.getLogger(_name).setLevel(logging.INFO)

_LAYERS = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "h11", "anyio"})
"""Packages below openai. Which of them are there depends on its version, so none is imported here."""

Request: TypeAlias = Any
Response: TypeAlias = Any


@dataclass
class AttemptFailed(Exception):
    """There is no answer.

    Attributes:
        error: for the one who asked.
        is_passing: the same request may well be answered a little later.
        asked_s: seconds that the server asks to wait; None where it does not.
    """

    error: RemoteError
    is_passing: bool = False
    asked_s: float | None = None


class _NotSuccess(Exception):
    def __init__(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        super().__init__(status)
        self.status, self.headers, self.content = status, headers, content


class Wire:
    """The way to one server. Everything but the constructor runs in one event loop.

    Environment variables tell of proxies and trusted certificates only, and these only for https to another machine:
    what goes there is encrypted for the server. Redirects are not followed.

    Args:
        settings: of the server.
        address: of the server.
        key: what it wants to see; None for nothing.

    Raises:
        JudgeError: the certificate file cannot be used.
    """

    def __init__(self, settings: ServerSettings, address: Address, key: Key | None) -> None:
        self._settings = settings
        self._address = address
        self._key = key
        self._has_versions = settings.kind is ServerKind.AZURE and bool(settings.api_version)
        self._client = self._make_client(_trust(settings))

    async def send(self, method: str, path: str, body: Mapping[str, JsonValue] | None) -> dict[str, Any]:
        """Make one attempt.

        Raises:
            AttemptFailed: there is no answer.
        """
        patience, host = self._settings.patience, self._address.host
        try:
            content = await asyncio.wait_for(self._exchange(method, path, body), patience.timeout_s)
        except asyncio.TimeoutError:
            text = f"The server {host} did not answer within {patience.timeout_s:g} s; see timeout_s."
            failure = AttemptFailed(Unreachable(text), True)
        except openai.APITimeoutError:
            text = f"The server {host} was not reached within {patience.connect_timeout_s:g} s; see connect_timeout_s."
            failure = AttemptFailed(Unreachable(text), True)
        except AttemptFailed as failed:
            failure = failed
        except Exception as error:
            # While the body is read the errors are those of the HTTP layer below openai.
            if not any(_is_of_the_way(cause) for cause in _chain(error)):
                raise
            failure = self._failure(error)
        else:
            return self._checked(content)
        # Raised out here so that it does not hold on to the request, and with that to the key.
        raise failure

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()

    def _make_client(self, trust: ssl.SSLContext | bool) -> openai.AsyncOpenAI:
        patience = self._settings.patience
        # All but connecting is bounded by the timeout of the whole attempt.
        timeout = openai.Timeout(None, connect=patience.connect_timeout_s)
        http_client = openai.DefaultAsyncHttpxClient(
            verify=trust,
            trust_env=not self._address.is_plain and not self._address.is_loopback,
            follow_redirects=False,
            timeout=timeout,
            event_hooks={"request": [self._dress], "response": [self._look_at]},
        )
        if self._has_versions:
            return openai.AsyncAzureOpenAI(
                azure_endpoint=self._address.base_url,
                api_version=self._settings.api_version,
                api_key=_NO_KEY,
                http_client=http_client,
                timeout=timeout,
                max_retries=0,
            )
        return openai.AsyncOpenAI(
            base_url=self._address.base_url, api_key=_NO_KEY, http_client=http_client, timeout=timeout, max_retries=0
        )

    async def _dress(self, request: Request) -> None:
        for name in [name for name in request.headers if name.lower() not in _SENT]:
            del request.headers[name]
        # A compressed answer could unfold into any size.
        request.headers["Accept-Encoding"] = "identity"
        if self._key is None:
            return
        if self._settings.kind is ServerKind.AZURE:
            request.headers["api-key"] = self._key.reveal()
        else:
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"

    async def _look_at(self, response: Response) -> None:
        # Before the openai client, which would read the body of an error whole, whatever its size.
        if 200 <= response.status_code < 300:
            return
        content = b""
        async for piece in response.aiter_bytes():
            content += piece[: _LARGEST_ERROR - len(content)]
            if len(content) >= _LARGEST_ERROR:
                break
        raise _NotSuccess(response.status_code, {k.lower(): v for k, v in response.headers.items()}, content)

    async def _exchange(self, method: str, path: str, body: Mapping[str, JsonValue] | None) -> bytes:
        url = f"/{path}" if self._has_versions else self._address.url(path)
        options: Any = {"headers": _STREAM}
        if method == "GET":
            response = await self._client.get(url, cast_to=openai.AsyncAPIResponse[object], options=options)
        else:
            response = await self._client.post(
                url, cast_to=openai.AsyncAPIResponse[object], body=dict(body or {}), options=options
            )
        most = self._settings.most_answer_bytes
        pieces, size = [], 0
        try:
            async for piece in response.iter_bytes():
                size += len(piece)
                if size > most:
                    raise AttemptFailed(
                        BadAnswer(
                            f"The answer of {self._address.host} is larger than {most} bytes; ask for fewer tokens, or "
                            "raise most_answer_bytes."
                        )
                    )
                pieces.append(piece)
        finally:
            await response.close()
        return b"".join(pieces)

    def _checked(self, content: bytes) -> dict[str, Any]:
        try:
            answer = read_object(content, self._address.host)
        except BadAnswer as error:
            failure = error
        else:
            error_told = answer.get("error") and told_error(answer)
            if not error_told or "choices" in answer:
                return self._key.scrub(answer) if self._key else answer
            words, code = error_told
            raise AttemptFailed(self._refused(200, self._shown(words), self._shown(code)))
        raise AttemptFailed(failure)

    def _failure(self, error: BaseException) -> AttemptFailed:
        causes = list(_chain(error))
        for cause in causes:
            if isinstance(cause, _NotSuccess):
                return self._of_status(cause)
            if isinstance(cause, AttemptFailed):
                return cause
        host = self._address.host
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return AttemptFailed(
                    Unreachable(
                        f"The certificate of {host} is not trusted ({in_words(cause.verify_message)}); for a server of "
                        "your own name its certificate in certificate_file."
                    )
                )
        words = self._shown(next((str(cause) for cause in reversed(causes) if str(cause)), type(error).__name__))
        if any(isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError) for cause in causes):
            return AttemptFailed(Unreachable(f"No encrypted connection to {host} ({words}); check base_url."))
        if isinstance(error, openai.APIConnectionError):
            return AttemptFailed(
                Unreachable(f"The server {host} cannot be reached ({words}); check base_url and whether it runs."), True
            )
        return AttemptFailed(BadAnswer(f"The answer of {host} ended too early ({words})."), True)

    def _of_status(self, seen: _NotSuccess) -> AttemptFailed:
        host = self._address.host
        if 300 <= seen.status < 400:
            text = f"The server {host} sends elsewhere ({seen.status}"
            with contextlib.suppress(ValueError):
                text += f", to {self._shown(urlsplit(seen.headers.get('location', '')).netloc) or 'another path'}"
            text += "), which is not followed; "
            return AttemptFailed(Refused(f"{text}put the address that is meant into base_url.", seen.status))
        try:
            words, code = told_error(read_object(seen.content, host)) or ("", "")
        except BadAnswer:
            words, code = seen.content.decode("utf-8", "replace"), ""
        code, words = self._shown(code), self._shown(words)
        if not is_overload(seen.status, code):
            return AttemptFailed(self._refused(seen.status, words, code))
        asked_s = asked_pause_s(seen.headers, datetime.now(timezone.utc))
        text = f"The server {host} cannot answer now ({_told(seen.status, code, words)})"
        if asked_s is not None:
            text += f" and asks to wait {asked_s:g} s"
        return AttemptFailed(
            Overloaded(f"{text}; ask less often, or see its log."), is_worth_a_retry(seen.status, code), asked_s
        )

    def _refused(self, status: int, words: str, code: str) -> Refused:
        where = self._settings.key_variable or self._settings.key_file
        key = f"check the key in {where}" if where else "it wants a key, so set key_variable"
        remedy = {
            401: key,
            403: f"{key}, and what that allows" if where else key,
            404: "check base_url and model",
            413: "send fewer or smaller images",
        }.get(status, "see what it accepts")
        text = f"The server {self._address.host} refused the request ({_told(status, code, words)}); {remedy}."
        return Refused(text, status, code)

    def _shown(self, text: str) -> str:
        # Scrubbed first: a part of a key would not be found.
        return in_words(str(self._key.scrub(text)) if self._key else text)


def _told(status: int, code: str, words: str) -> str:
    return f"{status}{' ' + code if code else ''}{': ' + words if words else ''}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_of_the_way(error: BaseException) -> bool:
    """Whether an error tells of the server or of the way there, and not of a fault in this program."""
    known = (openai.OpenAIError, OSError, AttemptFailed, _NotSuccess)
    return isinstance(error, known) or type(error).__module__.partition(".")[0] in _LAYERS


def _trust(settings: ServerSettings) -> ssl.SSLContext | bool:
    if settings.certificate_file is None:
        return True
    context = ssl.create_default_context()
    file = settings.certificate_file.expanduser()
    try:
        context.load_verify_locations(file)
    except OSError as error:
        raise JudgeError(f"The certificate_file {file} cannot be used ({error.strerror or error}).") from error
    return context
