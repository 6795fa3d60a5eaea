"""One beginning, many continuations: images are read once, and every prompt goes on from there.

A decoder looks back only. So the key/values of what comes first do not depend on what follows, and a prompt after the
images costs its own tokens, whatever stands before it. All of this is exact: nothing is dropped or approximated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.models.vlm.decoder import DecoderGraph, KeyValues, Step
from vlm_judge_ros.models.vlm.graphs import Array, Call, Graph
from vlm_judge_ros.models.vlm.positions import PositionRule
from vlm_judge_ros.models.vlm.vision import ImageFeatures

CHUNK_TOKENS = 512
"""Longest step of an append. Longer ones gain no speed, and their attention scores and logits would fill the memory."""

Tokens = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A part of what the model reads.

    Attributes:
        ids: its tokens, shape (tokens,).
        image: what stands at its image tokens; None for text.
    """

    ids: Tokens
    image: ImageFeatures | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Prefix:
    """What the model has read. Never changes, so that several continuations can branch from it.

    Attributes:
        key_values: keys and values of all layers.
        length: number of tokens.
        next_position: position of the next token; differs from `length` where images have rows and columns.
    """

    key_values: KeyValues
    length: int = 0
    next_position: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Following:
    """What the model has read, and what it expects next.

    Attributes:
        prefix: what it has read.
        logits: of the next token, shape (vocabulary,), float32.
    """

    prefix: Prefix
    logits: Array


class PrefixEngine:
    """Reads pieces, and says what would follow.

    Args:
        embed: graph from tokens to embeddings.
        decoder: the decoder.
        image_id: the token that stands for a part of an image.
        rule: how positions are counted.

    Raises:
        ModelBroken: the embedding graph does not have the input and output of one.
    """

    def __init__(self, embed: Graph, decoder: DecoderGraph, image_id: int, rule: PositionRule) -> None:
        embed.require({"input_ids"}, ["input_ids"], [])
        if len(embed.outputs) != 1:
            raise ModelBroken(f"The graph {embed.path} has {len(embed.outputs)} outputs; use embed_tokens.onnx.")
        self._embed_graph = embed
        self._embed_output = next(iter(embed.outputs))
        self._decoder = decoder
        self._image_id = image_id
        self._rule = rule

    def empty(self) -> Prefix:
        """Nothing read yet."""
        return Prefix(self._decoder.empty())

    def end_of(self, piece: Piece, length: int, next_position: int) -> tuple[int, int]:
        """Length and next position after a piece that starts at the given ones."""
        return length + len(piece.ids), self._positions([piece], next_position)[1]

    def append(self, prefix: Prefix, pieces: Sequence[Piece], call: Call) -> Prefix:
        """Read on.

        Args:
            prefix: what was read before.
            pieces: what comes next.
            call: the call that this is a part of.

        Raises:
            Cancelled: the call was cancelled; nothing has changed.
            JudgeError: the runtime failed.
        """
        if not pieces:
            return prefix
        step, next_position = self._step(pieces, prefix.next_position, call)
        key_values, count = prefix.key_values, step.lengths[0]
        # Steps of one size: a short one at the end would cost more than its share.
        size = -(-count // -(-count // CHUNK_TOKENS))
        for start in range(0, count, size):
            key_values = self._decoder.extend(key_values, _cut(step, start, start + size), call)
        return Prefix(key_values, prefix.length + count, next_position)

    def follow(self, prefix: Prefix, pieces: Sequence[Piece], call: Call, at_once: bool = False) -> Following:
        """Read on, and say what would follow. A token of an answer costs one run of each graph.

        Args:
            prefix: what was read before.
            pieces: what comes next; at least one token.
            call: the call that this is a part of.
            at_once: read all of it in one step, however long it is; else it has to be one text.

        Raises:
            Cancelled: the call was cancelled; nothing has changed.
            JudgeError: the runtime failed.
        """
        if not at_once and len(pieces[0].ids) > CHUNK_TOKENS:
            prefix = self.append(prefix, [Piece(pieces[0].ids[:-CHUNK_TOKENS])], call)
            pieces = [Piece(pieces[0].ids[-CHUNK_TOKENS:])]
        step, next_position = self._step(pieces, prefix.next_position, call)
        key_values, logits = self._decoder.follow(prefix.key_values, step, call)
        return Following(Prefix(key_values, prefix.length + step.lengths[0], next_position), logits[0])

    def truncate(self, prefix: Prefix, length: int, next_position: int) -> Prefix:
        """Forget the end.

        Args:
            prefix: what was read.
            length: number of tokens that stay.
            next_position: the next position there.
        """
        if length == prefix.length:
            return prefix
        return Prefix(self._decoder.truncated(prefix.key_values, length), length, next_position)

    def logits(self, prefix: Prefix, suffixes: Sequence[Tokens], call: Call, at_once: int = 1) -> Array:
        """Continue a prefix in several ways, each by itself.

        Args:
            prefix: what all have in common.
            suffixes: tokens of each continuation; text only, none empty.
            call: the call that this is a part of.
            at_once: how many to run together, where the graph can do that.

        Returns:
            Logits after the last token of each, shape (suffixes, vocabulary), float32.

        Raises:
            Cancelled: the call was cancelled.
            JudgeError: the runtime failed.
        """
        # Next to others of its length a suffix needs little padding.
        order = sorted(range(len(suffixes)), key=lambda index: len(suffixes[index]))
        groups = -(-len(order) // at_once)
        answers: dict[int, Array] = {}
        for group in np.array_split(np.array(order), groups):
            rows = self._ask(prefix, [suffixes[index] for index in group], call)
            answers.update(zip(group.tolist(), rows, strict=True))
        return np.stack([answers[index] for index in range(len(suffixes))])

    def packing_limit(self, prefix: Prefix, suffixes: Sequence[Tokens]) -> int:
        """How many of the suffixes to run together, so that this costs neither more time nor much memory."""
        return self._decoder.packing_limit(prefix.length + max(len(suffix) for suffix in suffixes))

    def whole_logits(self, pieces: Sequence[Piece], suffix: Tokens, call: Call) -> Array:
        """Read everything anew in one step, as if there were no prefix; the naive way that costs the full price.

        Returns:
            Logits after the last token, shape (vocabulary,), float32.

        Raises:
            Cancelled: the call was cancelled.
            JudgeError: the runtime failed.
        """
        step, _ = self._step([*pieces, Piece(suffix)], 0, call)
        return np.asarray(self._decoder.logits(self._decoder.empty(), step, call)[0])

    def _ask(self, prefix: Prefix, suffixes: Sequence[Tokens], call: Call) -> Array:
        if len(suffixes) == 1 and len(suffixes[0]) > CHUNK_TOKENS:
            prefix = self.append(prefix, [Piece(suffixes[0][:-CHUNK_TOKENS])], call)
            suffixes = [suffixes[0][-CHUNK_TOKENS:]]
        lengths = tuple(len(suffix) for suffix in suffixes)
        ids = np.stack([np.pad(suffix, (0, max(lengths) - len(suffix)), mode="edge") for suffix in suffixes])
        positions, _ = self._positions([Piece(ids[0])], prefix.next_position)
        embeddings = self._embed(ids, call)
        step = Step(embeddings, self._no_deepstack(embeddings), positions, lengths)
        past = prefix.key_values
        if len(suffixes) > 1:
            past = self._decoder.repeated(past, len(suffixes))
        return self._decoder.logits(past, step, call)

    def _embed(self, ids: Tokens, call: Call) -> Array:
        (embeddings,), _ = self._embed_graph.run({"input_ids": ids}, [self._embed_output], call)
        return embeddings

    def _no_deepstack(self, embeddings: Array) -> tuple[Array, ...]:
        return tuple(np.zeros_like(embeddings) for _ in range(self._decoder.deepstack_count))

    def _positions(self, pieces: Sequence[Piece], start: int) -> tuple[NDArray[np.int64], int]:
        ids = np.concatenate([piece.ids for piece in pieces])
        shapes = [(piece.image.rows, piece.image.columns) for piece in pieces if piece.image is not None]
        try:
            return self._rule(ids == self._image_id, shapes, start)
        except ValueError as error:
            raise JudgeError(
                f"The tokens do not fit the images: {error}; keep image tokens out of the texts."
            ) from error

    def _step(self, pieces: Sequence[Piece], start: int, call: Call) -> tuple[Step, int]:
        positions, next_position = self._positions(pieces, start)
        ids = np.concatenate([piece.ids for piece in pieces])
        embeddings = self._embed(ids[None], call)
        deepstack = self._no_deepstack(embeddings)
        first = 0
        for piece in pieces:
            places = first + np.flatnonzero(piece.ids == self._image_id)
            first += len(piece.ids)
            features = piece.image.features if piece.image is not None else embeddings[0, :0]
            if len(places) != len(features):
                raise JudgeError(
                    f"A piece of the content has {len(places)} image tokens and {len(features)} image features; keep "
                    "image tokens out of the texts."
                )
            if piece.image is not None:
                embeddings[0, places] = features
                for target, extra in zip(deepstack, piece.image.deepstack, strict=True):
                    target[0, places] = extra
        return Step(embeddings, deepstack, positions, (len(ids),)), next_position


def log_probabilities(logits: Array, token_id: int) -> list[float]:
    """Natural logarithm of the probability of one token, for each row of logits of shape (rows, vocabulary)."""
    rows = logits.astype(np.float64)
    highest = rows.max(axis=1)
    totals = highest + np.log(np.exp(rows - highest[:, None]).sum(axis=1))
    return [float(value) for value in rows[:, token_id] - totals]


def _cut(step: Step, start: int, end: int) -> Step:
    embeddings = step.embeddings[:, start:end]
    return Step(
        embeddings,
        tuple(extra[:, start:end] for extra in step.deepstack),
        step.positions[:, start:end],
        (embeddings.shape[1],),
    )
