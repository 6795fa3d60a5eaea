"""Scores an answer to several prompts about the same content."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.scorer import AnswerScore, Content
from vlm_judge_ros.models.vlm.graphs import Call
from vlm_judge_ros.models.vlm.prefix import PrefixEngine, log_probabilities
from vlm_judge_ros.models.vlm.proof import Proof
from vlm_judge_ros.models.vlm.reader import Reader, joined
from vlm_judge_ros.models.vlm.tokens import Tokens


class Scoring:
    """Reads content by way of what was read before, and asks each prompt after it.

    Args:
        tokens: tokenizer of the model.
        reader: reads what is shown.
        engine: the graphs.
        proof: what the model has shown that it can do.
    """

    def __init__(self, tokens: Tokens, reader: Reader, engine: PrefixEngine, proof: Proof) -> None:
        self._tokens = tokens
        self._reader = reader
        self._engine = engine
        self._proof = proof

    def score(self, content: Sequence[Content], prompts: Sequence[str], answer: str, call: Call) -> list[AnswerScore]:
        """Score one answer, as `AnswerScorer.score` says.

        Raises:
            BrokenImage: a frame cannot be decoded.
            Cancelled: the call was cancelled.
            JudgeError: this is too much to read, or the runtime failed.
        """
        answer_id = self._tokens.answer_id(answer)
        items, tail = joined(content)
        suffixes = [self._tokens.encode(tail + prompt) for prompt in prompts]
        if not suffixes:
            return []
        if not all(len(suffix) for suffix in suffixes):
            raise JudgeError("A prompt is empty; give it a text.")
        shares = self._proof.shares_prefix
        prefix = self._reader.read(items, max(len(suffix) for suffix in suffixes), shares, call)
        if shares:
            at_once = self._engine.packing_limit(prefix, suffixes) if self._proof.packs_suffixes else 1
            logits = self._engine.logits(prefix, suffixes, call, at_once)
        else:
            pieces = self._reader.pieces
            logits = np.stack([self._engine.whole_logits(pieces, suffix, call) for suffix in suffixes])
        if not np.isfinite(logits).all():
            raise JudgeError("The model gave logits that are not finite; use the files of another precision.")
        return [AnswerScore(value) for value in log_probabilities(logits, answer_id)]
