"""Why a server did not answer."""

from __future__ import annotations

from vlm_judge_ros.errors import JudgeError


class RemoteError(JudgeError):
    """A call to a server has no answer."""


class Unreachable(RemoteError):
    """No connection, or none that can be trusted, or nothing came in time."""


class Overloaded(RemoteError):
    """The server answers that it cannot answer now: too many requests, or a fault of its own."""


class BadAnswer(RemoteError):
    """What came is not a whole answer: cut off, too large, or not a JSON object."""


class BudgetSpent(RemoteError):
    """The hour has cost what it may; nothing was sent."""


class CircuitOpen(RemoteError):
    """The server failed again and again; nothing was sent."""


class NotRecorded(RemoteError):
    """The recording that answers in the place of the server has no answer to this request."""


class Refused(RemoteError):
    """The server does not want this request; the same one would be refused again.

    Attributes:
        status: of HTTP.
        code: the server's own word for the cause; empty where it has none.
    """

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
