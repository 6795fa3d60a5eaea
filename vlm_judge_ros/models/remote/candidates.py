"""What a server tells of the next token: a list of candidates, and where the answer stands in it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlm_judge_ros.models.remote.errors import BadAnswer
from vlm_judge_ros.models.scorer import AnswerScore

# Logarithms of probabilities are at most 0; servers round.
_ROUNDING = 1e-3
# Servers write -9999 for a token of which they know nothing.
_UNKNOWN_BELOW = -9000.0
# What sums of rounded probabilities can be off by.
_SUM_ROUNDING = 1e-6
_MOST_SUM = 1.01
_TOKEN_ID = re.compile(r"token_id:(\d+)")
# How byte-level and SentencePiece vocabularies write a space.
_SPACES = ("\u0120", "\u2581")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One token that could come next.

    Attributes:
        log_probability: natural logarithm of its probability.
        text: its bytes.
        token_id: its id; None where the server does not tell.
    """

    log_probability: float
    text: bytes
    token_id: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The token that is looked for.

    Attributes:
        word: first word of the answer, without space.
        token_id: its id; None where candidates have none, and bytes are compared.
    """

    word: str
    token_id: int | None = None

    def is_(self, candidate: Candidate) -> bool:
        """Whether a candidate is this token: by id where both have one, else by bytes, with a space before or not."""
        if self.token_id is not None and candidate.token_id is not None:
            return candidate.token_id == self.token_id
        return candidate.text in (self.word.encode(), f" {self.word}".encode())


def candidate_of(entry: Mapping[str, Any]) -> Candidate:
    """Read one entry of a list of log-probabilities, as OpenAI and llama.cpp write them.

    Raises:
        BadAnswer: it is not as it has to be, or the number is no log-probability.
    """
    value, text, data, token_id = (entry.get(name) for name in ("logprob", "token", "bytes", "id"))
    if isinstance(value, bool) or not isinstance(value, int | float) or not value <= _ROUNDING:
        raise BadAnswer(
            f"The server gave the log-probability {str(value)[:40]}; it has to be a number of at most 0. Look at the "
            "log of the server, or take another model there."
        )
    if not isinstance(text, str):
        raise BadAnswer("The server gave a log-probability without its token; is it of the kind that its file says?")
    named = _TOKEN_ID.fullmatch(text)
    if named is not None:
        return Candidate(min(0.0, float(value)), b"", int(named[1]))
    token_id = token_id if isinstance(token_id, int) and not isinstance(token_id, bool) else None
    return Candidate(min(0.0, float(value)), _bytes_of(text, data), token_id)


def score_of(candidates: Iterable[Candidate], wanted: Wanted) -> AnswerScore:
    """The score of the wanted token.

    Of several candidates that are the word, with a space before it and without, the more probable one counts: it is
    the one with which the model begins its answer. Where none is, an upper bound is known: the token is at most as
    probable as the last one listed, and as all that is not listed together.

    Args:
        candidates: the most probable tokens that the server lists.
        wanted: the token.

    Raises:
        BadAnswer: nothing is listed, or what is listed is not a set of probabilities.
    """
    known = [candidate for candidate in candidates if candidate.log_probability > _UNKNOWN_BELOW]
    if not known:
        raise BadAnswer("The server listed no log-probabilities; is it of the kind that its file says?")
    sum_listed = math.fsum(math.exp(candidate.log_probability) for candidate in set(known))
    if sum_listed > _MOST_SUM:
        raise BadAnswer(
            f"The probabilities that the server listed add up to {sum_listed:.3g}; they are at most 1. Look whether "
            "it alters them (temperature, penalties)."
        )
    found = [candidate.log_probability for candidate in known if wanted.is_(candidate)]
    if found:
        return AnswerScore(max(found))
    last = min(candidate.log_probability for candidate in known)
    rest = math.log(max(1.0 - sum_listed, _SUM_ROUNDING))
    return AnswerScore(min(last, rest), is_bound=True)


def _bytes_of(text: str, data: Any) -> bytes:
    if isinstance(data, Sequence) and not isinstance(data, str) and data:
        try:
            return bytes(data)
        except (TypeError, ValueError):
            raise BadAnswer("The server gave a token whose bytes are no bytes.") from None
    if text.startswith(_SPACES):
        text = f" {text[1:]}"
    return text.encode("utf-8", "surrogatepass")
