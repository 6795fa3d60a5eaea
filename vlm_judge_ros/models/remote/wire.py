"""One attempt: a request out through the openai client, the bytes of an answer back, within limits of time and size."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import Any, TypeAlias

import openai
from pydantic import JsonValue

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.remote.address import Address
from vlm_judge_ros.models.remote.answer import read_object, told_error
from vlm_judge_ros.models.remote.errors import BadAnswer, Unreachable
from vlm_judge_ros.models.remote.failures import AttemptFailed, Failures, NotSuccess
from vlm_judge_ros.models.remote.key import Key
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

Request: TypeAlias = Any
Response: TypeAlias = Any


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
        self._failures = Failures(settings, address.host, key)
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
            described = self._failures.of(error)
            if described is None:
                raise
            failure = described
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
        raise NotSuccess(response.status_code, {k.lower(): v for k, v in response.headers.items()}, content)

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
            raise self._failures.refused(200, *error_told)
        raise AttemptFailed(failure)


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
