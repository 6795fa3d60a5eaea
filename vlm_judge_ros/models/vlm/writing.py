"""Writes an answer, one token after the other."""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.chat import Chat
from vlm_judge_ros.models.vlm.graphs import Call
from vlm_judge_ros.models.vlm.prefix import Following, Piece, PrefixEngine
from vlm_judge_ros.models.vlm.reader import Reader, joined
from vlm_judge_ros.models.vlm.sampling import Sampler
from vlm_judge_ros.models.vlm.tokens import Tokens
from vlm_judge_ros.models.writer import Writing, Written


class AnswerWriter:
    """Reads a question by way of what was read before, and writes the answer beside that.

    Args:
        chat: puts the question into the words of the model.
        tokens: its tokenizer.
        reader: reads what is shown.
        engine: the graphs.
        shares_prefix: whether a question may go on from what was read before. If not it is read whole, in one step,
            and the answer goes on from there.
    """

    def __init__(self, chat: Chat, tokens: Tokens, reader: Reader, engine: PrefixEngine, shares_prefix: bool) -> None:
        self._chat = chat
        self._tokens = tokens
        self._reader = reader
        self._engine = engine
        self._shares_prefix = shares_prefix

    def write(self, writing: Writing, call: Call) -> Written:
        """Write one answer. What was read of the question up to its last frame is kept, the answer is not.

        Raises:
            BrokenImage: a frame cannot be decoded.
            Cancelled: the call was cancelled.
            JudgeError: question and answer are too long together, a setting is out of range, or the runtime failed.
        """
        if writing.most_tokens < 1:
            raise JudgeError(f"An answer may have {writing.most_tokens} tokens; give at least 1.")
        sampler = Sampler(writing.temperature, writing.seed)
        items, tail = joined(self._chat.content(writing.content, writing.instruction))
        question = Piece(self._tokens.encode(tail))
        prefix = self._reader.read(items, len(question.ids), self._shares_prefix, call, writing.most_tokens)
        if self._shares_prefix:
            begun = self._engine.follow(prefix, [question], call)
        else:
            begun = self._engine.follow(self._engine.empty(), [*self._reader.pieces, question], call, at_once=True)
        ids, complete = self._continue(begun, sampler, writing.most_tokens, call)
        return Written(self._tokens.decode(ids), complete)

    def _continue(self, following: Following, sampler: Sampler, most_tokens: int, call: Call) -> tuple[list[int], bool]:
        """The ids of the answer, and whether it came to its end."""
        ends: Set[int] = self._tokens.end_ids
        ids: list[int] = []
        while True:
            if not np.isfinite(following.logits).all():
                raise JudgeError("The model gave logits that are not finite; use the files of another precision.")
            chosen = sampler.choose(self._tokens.only_writable(following.logits))
            if chosen in ends:
                return ids, True
            ids.append(chosen)
            if len(ids) == most_tokens:
                return ids, False
            following = self._engine.follow(following.prefix, [Piece(np.array([chosen]))], call)
