"""After which failures to try again, and when."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""Statuses that tell of the server's state and not of the request."""

_LASTING = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""Codes that come with a passing status, and do not pass by waiting."""


def is_overload(status: int, code: str = "") -> bool:
    """Whether a status says that the server cannot answer now, rather than that it does not want to."""
    return (status in _PASSING or status >= 500) and code not in _LASTING


def is_worth_a_retry(status: int, code: str = "") -> bool:
    """Whether the same request may well be answered a little later."""
    return status in _PASSING and code not in _LASTING


def asked_pause_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """How many seconds a server asks to wait; None where it does not, or not in a form that can be read.

    Args:
        headers: of its answer; names in lower case.
        now: with a time zone, for a Retry-After that is a date.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000.0
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    seconds = _number(text)
    if seconds is not None:
        return seconds
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    return max(0.0, (date - now).total_seconds())


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0.0 else None


class Backoff:
    """Pauses between attempts: doubling, with jitter, never above a limit.

    The jitter takes away up to half, so that many robots that lose a server together do not come back together.

    Args:
        most_retries: further attempts after the first.
        first_s: pause before the first of them, before the jitter.
        longest_s: no pause is longer.
        seed: of the jitter; None for another one every time.
    """

    def __init__(self, most_retries: int, first_s: float, longest_s: float, seed: int | None = None) -> None:
        self._most_retries = most_retries
        self._first_s = first_s
        self._longest_s = longest_s
        self._random = random.Random(seed)

    def pause_s(self, retry: int, asked_s: float | None = None) -> float | None:
        """How long to wait before a retry; None for not trying again.

        Args:
            retry: 0 for the first one.
            asked_s: what the server asked for. The pause is never shorter; where it is longer than the limit there is
                no retry.
        """
        if retry >= self._most_retries or (asked_s is not None and asked_s > self._longest_s):
            return None
        doubled_s = min(self._longest_s, self._first_s * 2.0 ** min(retry, 60))
        return max(doubled_s * self._random.uniform(0.5, 1.0), asked_s or 0.0)
