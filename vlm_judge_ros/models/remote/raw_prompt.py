"""Asking the server of llama.cpp with a prompt of one's own, without the template of a chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.remote.candidates import Candidate, Wanted, candidate_of
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.errors import BadAnswer, Refused
from vlm_judge_ros.models.remote.question import Shown

# An answer lists as many candidates as one likes; these make some twenty kilobytes.
_MOST_LISTED = 200
_USUAL_MARKER = "<__media__>"


@dataclass(frozen=True, slots=True)
class RawPrompt:
    """Asks for one token after a raw prompt in which markers stand for the images.

    Attributes:
        marker: stands for an image.
    """

    marker: str = _USUAL_MARKER

    @property
    def path(self) -> str:
        """Where questions go."""
        return "/completion"

    @property
    def words(self) -> str:
        """How it is asked, for people."""
        return f"raw prompt, token by its id, {_MOST_LISTED} candidates"

    def body(self, shown: Shown, wanted: Wanted) -> dict[str, Any]:
        """What is sent.

        Raises:
            JudgeError: a text holds the marker of an image.
        """
        prompt, images = "", []
        for piece in shown.content:
            if isinstance(piece, Frame):
                prompt += self.marker
                images.append(shown.urls[id(piece)].partition(",")[2])
            elif self.marker in piece:
                raise JudgeError(f"The text holds {self.marker!r}, which stands for an image; leave it out.")
            else:
                prompt += piece
        return {
            "prompt": {"prompt_string": prompt, "multimodal_data": images} if images else prompt,
            "n_predict": 1,
            "n_probs": _MOST_LISTED,
            "temperature": 0.0,
            "cache_prompt": True,
        }

    def candidates(self, answer: Mapping[str, Any]) -> list[Candidate]:
        """The most probable next tokens in what came back.

        Raises:
            BadAnswer: there are none.
        """
        tokens = answer.get("completion_probabilities")
        first = tokens[0] if isinstance(tokens, Sequence) and tokens else None
        top = first.get("top_logprobs") if isinstance(first, Mapping) else None
        if not isinstance(top, Sequence) or not top:
            raise BadAnswer("The answer of the server holds no log-probabilities; take a newer llama.cpp.")
        return [candidate_of(entry) for entry in top if isinstance(entry, Mapping)]


def open_raw_prompt(client: Client) -> RawPrompt:
    """Ask the server which marker stands for an image.

    Raises:
        JudgeError: it cannot be asked.
    """
    try:
        marker = client.get("/props").get("media_marker")
    except Refused:
        marker = None
    return RawPrompt(marker) if isinstance(marker, str) and marker else RawPrompt()
