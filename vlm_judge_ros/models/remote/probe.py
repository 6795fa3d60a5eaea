"""What a server can do, found out by asking it once."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.models.model import Capability
from vlm_judge_ros.models.remote import chat
from vlm_judge_ros.models.remote.candidates import score_of
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.dialects.dialect import Dialect, SchemaForm, Way
from vlm_judge_ros.models.remote.dialects.table import DIALECTS
from vlm_judge_ros.models.remote.errors import BadAnswer, Overloaded, Refused
from vlm_judge_ros.models.remote.images import ImageUrls
from vlm_judge_ros.models.remote.model_names import check_same, chosen_model, listed_models
from vlm_judge_ros.models.remote.question import Shown, shown_to
from vlm_judge_ros.models.remote.raw_prompt import open_raw_prompt
from vlm_judge_ros.models.remote.scoring import ChatScoring, Scoring
from vlm_judge_ros.models.remote.settings import ServerSettings
from vlm_judge_ros.models.remote.structured import schema_fields
from vlm_judge_ros.models.remote.token_ids import wanted_token

_SIDE_PX = 64
_FEW_TOKENS = 16
_SCHEMA_TOKENS = 512
# Models that think before they answer need some beside, even for a word.
_THINKING_TOKENS = 2048
_QUESTION = "Do the pictures show a robot? Answer True or False. The answer is:"
_SCHEMA_QUESTION = "Greet the robot. Answer with JSON."
_SCHEMA_WORD = "held-to-the-schema"
_SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": [_SCHEMA_WORD]}},
    "required": ["word"],
    "additionalProperties": False,
}
_LONGEST_NAME = 200
_PARAMETER_REFUSED = (400, 422)


@dataclass(frozen=True, slots=True)
class Probed:
    """What was found.

    Attributes:
        model: the name to ask for.
        answered_by: the name that the server says; the same where it says none.
        capabilities: what has worked.
        temperature: whether the server takes a temperature.
        thinking_tokens: what an answer may take beside its text, where the model thinks first.
        way: how log-probabilities are asked for; None where the server gives none.
        scoring: the same, ready to use.
        schema_form: how an answer is held to a schema, or at least to JSON; None where neither works.
        lacks: why a capability is not there, in the server's words where it has any.
    """

    model: str
    answered_by: str
    capabilities: frozenset[Capability]
    temperature: bool
    thinking_tokens: int
    way: Way | None
    scoring: Scoring | None
    schema_form: SchemaForm | None
    lacks: Mapping[Capability, str]


def probe(client: Client, settings: ServerSettings) -> Probed:
    """Ask a server for everything that a judge may need, each in the smallest form. What it refuses is not there.

    Raises:
        JudgeError: the server cannot be reached, does not have the model, or does not answer at all.
    """
    return _Probe(client, settings, DIALECTS[settings.kind]).result()


@dataclass(slots=True)
class _Probe:
    client: Client
    settings: ServerSettings
    dialect: Dialect
    model: str = ""
    answered_by: str = ""
    temperature: bool = True
    thinking_tokens: int = 0
    lacks: dict[Capability, str] = field(default_factory=dict)

    def result(self) -> Probed:
        self.model = self._model()
        self._ask_for_text()
        shown = self._show_two_images()
        way, scoring = self._ask_for_log_probabilities(shown)
        form, is_held = self._ask_for_json()
        capabilities = {Capability.TEXT} | (set(Capability) - self.lacks.keys())
        assert is_held == (Capability.SCHEMA in capabilities)
        return Probed(
            model=self.model,
            answered_by=self.answered_by or self.model,
            capabilities=frozenset(capabilities),
            temperature=self.temperature,
            thinking_tokens=self.thinking_tokens,
            way=way,
            scoring=scoring,
            schema_form=form,
            lacks=dict(self.lacks),
        )

    def _model(self) -> str:
        listed = []
        if self.dialect.lists_models:
            try:
                listed = listed_models(self.client.get("models"))
            except (Refused, BadAnswer, Overloaded):
                # A list is a courtesy; whether the server answers is found out next.
                listed = []
        return chosen_model(self.settings.model, listed, self.client.host)

    def _ask_for_text(self) -> None:
        question = Shown(("Answer with one word: is this sentence English?",), {})
        try:
            chat.written_in(self._chat(question))
        except Refused as refusal:
            if refusal.status not in _PARAMETER_REFUSED:
                raise
            # Models that think before they answer take no temperature, and do not like to be cut off.
            self.temperature, self.thinking_tokens = False, _THINKING_TOKENS
            try:
                chat.written_in(self._chat(question))
            except Refused:
                raise refusal from None

    def _show_two_images(self) -> Shown:
        """What further questions show: two images, or none where the server does not take two."""
        images = ImageUrls(self.settings.images)
        shown = shown_to(images, ("first camera:", _grey(96), "\nsecond camera:", _grey(160)))
        try:
            chat.written_in(self._chat(shown.then(f"\n{_QUESTION}")))
        except (Refused, BadAnswer) as error:
            self.lacks[Capability.SEVERAL_IMAGES] = str(error)
            return Shown((), {})
        return shown

    def _ask_for_log_probabilities(self, shown: Shown) -> tuple[Way | None, Scoring | None]:
        cause = "This kind of server gives no log-probabilities."
        for way, most_listed, limit in self._ways():
            try:
                scoring: Scoring
                if way is Way.COMPLETION:
                    scoring = open_raw_prompt(self.client)
                else:
                    scoring = ChatScoring(way, most_listed, self.dialect.limit_field, limit, self.temperature)
                wanted = wanted_token(self.client, self.settings.kind, self.model, way, " True")
                body = scoring.body(shown.then(f"\n{_QUESTION}"), wanted)
                score_of(scoring.candidates(self.client.post(scoring.path, self._request(body))), wanted)
            except (Refused, BadAnswer) as error:
                cause = str(error)
            else:
                return way, scoring
        self.lacks[Capability.LOG_PROBABILITIES] = cause
        return None, None

    def _ways(self) -> Iterator[tuple[Way, int, int]]:
        for way in self.dialect.ways:
            if way is Way.COMPLETION:
                yield way, 0, 1
            else:
                for numbers in itertools.product(self.dialect.most_listed, self.dialect.first_limits):
                    yield way, *numbers

    def _ask_for_json(self) -> tuple[SchemaForm | None, bool]:
        cause = "This kind of server holds answers to no schema."
        question = Shown((_SCHEMA_QUESTION,), {})
        for form in self.dialect.schema_forms:
            try:
                written = chat.written_in(self._chat(question, _SCHEMA_TOKENS, **schema_fields(form, _SCHEMA)))
            except (Refused, BadAnswer) as error:
                cause = str(error)
                continue
            if form is SchemaForm.JSON_OBJECT:
                self.lacks[Capability.SCHEMA] = cause
                return form, False
            if _is_held(written.text):
                return form, True
            # Servers that do not know a field leave it alone.
            cause = f"The server takes {form.value} and does not hold the model to it."
        self.lacks[Capability.SCHEMA] = cause
        return None, False

    def _chat(self, shown: Shown, most_tokens: int = _FEW_TOKENS, **fields: Any) -> dict[str, Any]:
        body: dict[str, Any] = {
            "messages": chat.messages_of(shown),
            self.dialect.limit_field: most_tokens + self.thinking_tokens,
            **fields,
        }
        if self.temperature:
            body["temperature"] = 0.0
        answer = self.client.post(chat.PATH, self._request(body))
        told = answer.get("model")
        if isinstance(told, str) and told and not self.answered_by:
            if self.dialect.names_model:
                check_same(self.model, told, self.client.host)
            if len(told) > _LONGEST_NAME or not told.isprintable():
                raise BadAnswer(f"The server {self.client.host} names its model with {len(told)} odd characters.")
            self.answered_by = told
        return answer

    def _request(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {**self.settings.extra, "model": self.model, **body}


def _is_held(text: str) -> bool:
    try:
        return bool(json.loads(text) == {"word": _SCHEMA_WORD})
    except ValueError:
        return False


def _grey(brightness: int) -> Frame:
    pixels = np.full(_SIDE_PX * _SIDE_PX * 3, brightness, np.uint8)
    image = RawImage(pixels, _SIDE_PX, _SIDE_PX, "rgb8", _SIDE_PX * 3)
    return Frame("probe", 1, image, image.thumbnail)
