"""The ways of asking servers for the log-probability of the next token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from vlm_judge_ros.models.remote import chat
from vlm_judge_ros.models.remote.candidates import Candidate, Wanted
from vlm_judge_ros.models.remote.dialects.dialect import Way
from vlm_judge_ros.models.remote.question import Shown


class Scoring(Protocol):
    """A way of asking."""

    @property
    def path(self) -> str:
        """Where questions go: below the base URL, or beside /v1 with a slash at its beginning."""

    @property
    def words(self) -> str:
        """How it is asked, for people."""

    def body(self, shown: Shown, wanted: Wanted) -> dict[str, Any]:
        """What is sent, but for the name of the model; the question comes last in what is shown."""

    def candidates(self, answer: Mapping[str, Any]) -> list[Candidate]:
        """The most probable next tokens in what came back.

        Raises:
            BadAnswer: there are none.
        """


@dataclass(frozen=True, slots=True)
class ChatScoring:
    """Asks for one token of a chat.

    Where the server can, the user's turn is left open: the next token is then the one after "The answer is:", and
    carries a space, as with a model on board. Elsewhere it is the first one of the assistant's turn, which begins
    without a space.

    Attributes:
        way: any but a raw prompt.
        most_listed: how many candidates are asked for.
        limit_field: what the longest answer in tokens is called.
        limit: how many tokens may be written; the first one is read.
        temperature: whether a temperature may be sent.
    """

    way: Way
    most_listed: int
    limit_field: str
    limit: int = 1
    temperature: bool = True

    @property
    def path(self) -> str:
        """Where questions go."""
        return chat.PATH

    @property
    def words(self) -> str:
        """How it is asked, for people."""
        return f"{self.way.value}, {self.most_listed} candidates"

    def body(self, shown: Shown, wanted: Wanted) -> dict[str, Any]:
        """What is sent."""
        body: dict[str, Any] = {
            "messages": chat.messages_of(shown),
            self.limit_field: self.limit,
            "logprobs": True,
            "top_logprobs": self.most_listed,
        }
        if self.temperature:
            body["temperature"] = 0.0
        if self.way is not Way.CHAT:
            body |= {"add_generation_prompt": False, "continue_final_message": True}
        if self.way is Way.CONTINUED_ID:
            # Servers that do not know the first of these leave it alone, and the id is looked for in what they list.
            body |= {"logprob_token_ids": [wanted.token_id], "return_tokens_as_token_ids": True}
        return body

    def candidates(self, answer: Mapping[str, Any]) -> list[Candidate]:
        """The most probable next tokens in what came back."""
        return chat.candidates_in(answer)
