"""A vision-language model behind an address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.model import Capability
from vlm_judge_ros.models.remote import chat
from vlm_judge_ros.models.remote.candidates import Wanted, score_of
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.dialects.table import DIALECTS
from vlm_judge_ros.models.remote.images import ImageUrls
from vlm_judge_ros.models.remote.probe import probe
from vlm_judge_ros.models.remote.question import shown_to
from vlm_judge_ros.models.remote.settings import ServerSettings
from vlm_judge_ros.models.remote.structured import schema_fields
from vlm_judge_ros.models.remote.token_ids import wanted_token
from vlm_judge_ros.models.scorer import AnswerScore, Content
from vlm_judge_ros.models.writer import Writing, Written


class RemoteModel:
    """Asks a server. What that can do is found out once, when this is made.

    Args:
        client: reaches the server.
        settings: of the server.

    Raises:
        JudgeError: the server cannot be reached, does not have the model, or does not answer.
    """

    def __init__(self, client: Client, settings: ServerSettings) -> None:
        self._client = client
        self._settings = settings
        self._dialect = DIALECTS[settings.kind]
        self._images = ImageUrls(settings.images)
        self._wanted: dict[str, Wanted] = {}
        self.probed = probe(client, settings)
        # By path, because a server need not name its model alike everywhere.
        self._told = {chat.PATH: self.probed.answered_by}

    @property
    def name(self) -> str:
        """Name of the model as the server told it with its first answer."""
        return self.probed.answered_by

    @property
    def file_hash(self) -> str:
        """Empty: what decides the answers of a server is not known here."""
        return ""

    @property
    def provider(self) -> str:
        """Host part of the address."""
        return self._client.host

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the server has shown when it was first asked."""
        return self.probed.capabilities

    @property
    def status(self) -> str:
        """How it is asked, what it cannot do and why, and how the client stands, in sentences."""
        probed = self.probed
        ways = [f"log-probabilities by {probed.scoring.words}"] if probed.scoring else []
        ways += [f"JSON by {probed.schema_form.value}"] if probed.schema_form else []
        told = [f"{self.name} on {self.provider}: {'; '.join(ways) or 'free text only'}."]
        told += [f"No {capability.value}: {cause}" for capability, cause in probed.lacks.items()]
        if not probed.temperature:
            told.append("It takes no temperature, so the same question may get different answers.")
        return " ".join((*told, self.client_status))

    @property
    def client_status(self) -> str:
        """What keeps calls from going out, and what the last hour has cost, in sentences."""
        return self._client.status

    def score(self, content: Sequence[Content], prompts: Sequence[str], answer: str) -> list[AnswerScore]:
        """Score one answer to several prompts about the same content.

        Each prompt is a request of its own, with the images first. To a server that keeps what it has read the first
        one goes alone, so that the images are read once and not as often as there are calls at the same time.

        Raises:
            BrokenImage: a frame cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the server failed; the message names the cause.
        """
        scoring, way = self.probed.scoring, self.probed.way
        if scoring is None or way is None:
            raise JudgeError(f"The model {self.name} on {self.provider} gives no log-probabilities; let it write.")
        if not prompts:
            return []
        if answer not in self._wanted:
            self._wanted[answer] = wanted_token(self._client, self._settings.kind, self.probed.model, way, answer)
        wanted = self._wanted[answer]
        shown = shown_to(self._images, content)
        bodies = [self._request(scoring.body(shown.then(prompt), wanted)) for prompt in prompts]
        alone = int(self._dialect.keeps_what_it_read)
        groups = [group for group in (bodies[:alone], bodies[alone:]) if group]
        answers = [answer for group in groups for answer in self._client.post_all(scoring.path, group)]
        for one in answers:
            self._check_model(scoring.path, one)
        return [score_of(scoring.candidates(one), wanted) for one in answers]

    def write(self, writing: Writing) -> Written:
        """Write one answer, held to the schema where the server can do that.

        Raises:
            BrokenImage: a frame cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the server failed, or the model refused to answer; the message names the cause.
        """
        shown = shown_to(self._images, writing.content)
        body: dict[str, Any] = {
            "messages": chat.messages_of(shown, writing.instruction),
            self._dialect.limit_field: writing.most_tokens + self.probed.thinking_tokens,
        }
        if self.probed.temperature:
            body["temperature"] = writing.temperature
        if writing.temperature > 0.0:
            body["seed"] = writing.seed
        if writing.schema is not None and self.probed.schema_form is not None:
            body |= schema_fields(self.probed.schema_form, writing.schema)
        answer = self._client.post(chat.PATH, self._request(body))
        self._check_model(chat.PATH, answer)
        return chat.written_in(answer)

    def cancel(self) -> None:
        """Make the running call stop. Safe from any thread; nothing happens where none runs."""
        self._client.cancel()

    def close(self) -> None:
        """Give connections back."""
        self._client.close()

    def _request(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {**self._settings.extra, "model": self.probed.model, **body}

    def _check_model(self, path: str, answer: Mapping[str, Any]) -> None:
        # Another model is another instrument: what was calibrated and reported holds for the first one.
        told = answer.get("model")
        if not isinstance(told, str) or not told:
            return
        first = self._told.setdefault(path, told)
        if told != first:
            raise JudgeError(
                f"The server {self.provider} answered as {first!r} first and as {told[:80]!r} now; start the judge "
                "again to go on with that."
            )
