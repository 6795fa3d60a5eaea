"""Chats: what is sent to `chat/completions`, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.remote.candidates import Candidate, candidate_of
from vlm_judge_ros.models.remote.errors import BadAnswer
from vlm_judge_ros.models.remote.question import Shown
from vlm_judge_ros.models.writer import Written

PATH = "chat/completions"

_QUOTED = 200


def messages_of(shown: Shown, instruction: str = "") -> list[dict[str, Any]]:
    """One turn of a user, after what the model is told beforehand. Neighbouring texts become one."""
    parts: list[dict[str, Any]] = []
    for piece in shown.content:
        if isinstance(piece, Frame):
            parts.append({"type": "image_url", "image_url": {"url": shown.urls[id(piece)]}})
        elif parts and parts[-1]["type"] == "text":
            parts[-1]["text"] += piece
        else:
            parts.append({"type": "text", "text": piece})
    told = [{"role": "system", "content": instruction}] if instruction else []
    return [*told, {"role": "user", "content": parts}]


def written_in(answer: Mapping[str, Any]) -> Written:
    """The text of an answer.

    Raises:
        BadAnswer: there is none.
        JudgeError: the model, or a filter before it, refused to answer.
    """
    choice = _choice(answer)
    message, finish = choice.get("message"), choice.get("finish_reason")
    if not isinstance(message, Mapping):
        raise BadAnswer("The answer of the server holds no message; is it of the kind that its file says?")
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        raise JudgeError(f'The model refused to answer: "{_shortened(refusal)}"; ask it something else.')
    if finish == "content_filter":
        raise JudgeError("A filter of the server held the answer back; ask it something else.")
    text = message.get("content")
    if isinstance(text, str) and (text or finish != "length"):
        return Written(text, complete=finish != "length")
    if not text and finish == "length":
        # A model that thinks aloud may use up all its tokens before it writes anything.
        return Written("", complete=False)
    raise BadAnswer("The message in the answer of the server holds no text; is it of the kind that its file says?")


def candidates_in(answer: Mapping[str, Any]) -> list[Candidate]:
    """The most probable first tokens of an answer.

    Raises:
        BadAnswer: the server lists none, or lists what is no log-probability.
    """
    listed = _choice(answer).get("logprobs")
    tokens = listed.get("content") if isinstance(listed, Mapping) else None
    if not isinstance(tokens, Sequence) or not tokens or not isinstance(tokens[0], Mapping):
        raise BadAnswer("The answer of the server holds no log-probabilities; this model or server does not give them.")
    first = tokens[0]
    top = first.get("top_logprobs")
    entries = [entry for entry in top if isinstance(entry, Mapping)] if isinstance(top, Sequence) else []
    return [candidate_of(entry) for entry in entries or [first]]


def _choice(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, Sequence) or not choices or not isinstance(choices[0], Mapping):
        raise BadAnswer("The answer of the server holds no choices; is it of the kind that its file says?")
    choice: Mapping[str, Any] = choices[0]
    return choice


def _shortened(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return printable if len(printable) <= _QUOTED else f"{printable[:_QUOTED]}…"
