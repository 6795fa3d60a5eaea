"""Asking a server for the id of a token."""

from __future__ import annotations

from collections.abc import Mapping

import pydantic

from vlm_judge_ros.models.remote.candidates import Wanted
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.dialects.dialect import Way
from vlm_judge_ros.models.remote.errors import BadAnswer
from vlm_judge_ros.models.remote.settings import ServerKind
from vlm_judge_ros.models.scorer import first_word


def wanted_token(client: Client, kind: ServerKind, model: str, way: Way, answer: str) -> Wanted:
    """What is looked for in the candidates: the token of an answer as it follows "The answer is:".

    Args:
        client: reaches the server.
        kind: of the server.
        model: its name there.
        way: how the server is asked; only some compare ids.
        answer: its first word counts.

    Raises:
        BadAnswer: ids are compared, and the word is no single token there.
        JudgeError: the answer is empty, or the server cannot be asked.
    """
    word = first_word(answer)
    if way not in (Way.COMPLETION, Way.CONTINUED_ID):
        return Wanted(word)
    # Vocabularies that put a space before every word have a single token for the bare word only.
    for text in (f" {word}", word):
        if kind is ServerKind.LLAMA_CPP:
            body: dict[str, pydantic.JsonValue] = {"content": text, "add_special": False}
        else:
            body = {"model": model, "prompt": text, "add_special_tokens": False}
        tokens = client.post("/tokenize", body).get("tokens")
        if not isinstance(tokens, list):
            raise BadAnswer("The server answers /tokenize without tokens; is it of the kind that its file says?")
        ids = [token.get("id") if isinstance(token, Mapping) else token for token in tokens]
        if len(ids) == 1 and isinstance(ids[0], int):
            return Wanted(word, ids[0])
    raise BadAnswer(
        f"The model {model} has no single token for {word!r}, so its probability cannot be read; choose an answer "
        "whose first word is one token, such as True."
    )
