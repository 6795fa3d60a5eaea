"""From what went wrong in an attempt to a sentence, and to whether it is worth another."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import urlsplit

import openai

from vlm_judge_ros.models.remote.answer import in_words, read_object, told_error
from vlm_judge_ros.models.remote.errors import BadAnswer, Overloaded, Refused, RemoteError, Unreachable
from vlm_judge_ros.models.remote.key import Key
from vlm_judge_ros.models.remote.retries import asked_pause_s, is_overload, is_worth_a_retry
from vlm_judge_ros.models.remote.settings import ServerSettings

_LAYERS = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "h11", "anyio"})
"""Packages below openai. Which of them are there depends on its version, so none is imported here."""


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


class NotSuccess(Exception):
    """The server answered with a status that is no success."""

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        super().__init__(status)
        self.status, self.headers, self.content = status, headers, content


class Failures:
    """Describes what went wrong with one server, without its key.

    Args:
        settings: of the server.
        host: name of the server, for people.
        key: that must not be shown; None for none.
    """

    def __init__(self, settings: ServerSettings, host: str, key: Key | None) -> None:
        self._settings = settings
        self._host = host
        self._key = key

    def of(self, error: BaseException) -> AttemptFailed | None:
        """Describe an error of openai or of what lies below; None for one that tells of a fault in this program."""
        if not any(_is_of_the_way(cause) for cause in _chain(error)):
            return None
        causes = list(_chain(error))
        for cause in causes:
            if isinstance(cause, NotSuccess):
                return self._of_status(cause)
            if isinstance(cause, AttemptFailed):
                return cause
        host = self._host
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

    def _of_status(self, seen: NotSuccess) -> AttemptFailed:
        host = self._host
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
            return self.refused(seen.status, words, code)
        asked_s = asked_pause_s(seen.headers, datetime.now(timezone.utc))
        text = f"The server {host} cannot answer now ({_told(seen.status, code, words)})"
        if asked_s is not None:
            text += f" and asks to wait {asked_s:g} s"
        return AttemptFailed(
            Overloaded(f"{text}; ask less often, or see its log."), is_worth_a_retry(seen.status, code), asked_s
        )

    def refused(self, status: int, words: str, code: str) -> AttemptFailed:
        """Describe a refusal.

        Args:
            status: of HTTP.
            words: of the server.
            code: of the server.
        """
        code, words = self._shown(code), self._shown(words)
        where = self._settings.key_variable or self._settings.key_file
        key = f"check the key in {where}" if where else "it wants a key, so set key_variable"
        remedy = {
            401: key,
            403: f"{key}, and what that allows" if where else key,
            404: "check base_url and model",
            413: "send fewer or smaller images",
        }.get(status, "see what it accepts")
        text = f"The server {self._host} refused the request ({_told(status, code, words)}); {remedy}."
        return AttemptFailed(Refused(text, status, code))

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
    known = (openai.OpenAIError, OSError, AttemptFailed, NotSuccess)
    return isinstance(error, known) or type(error).__module__.partition(".")[0] in _LAYERS
