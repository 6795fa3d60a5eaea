"""Proves a model when it is loaded: what is shared has to give what is asked anew.

Some graphs do not give the same numbers for a text in one piece and in two: int8 with dynamic quantization takes its
scale from all tokens of a run. What such a graph says of a shared beginning is not what the model says, so it is asked
the naive way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vlm_judge_ros.errors import Cancelled, JudgeError, ModelBroken
from vlm_judge_ros.models.vlm.decoder import DecoderGraph
from vlm_judge_ros.models.vlm.graphs import Array, Call
from vlm_judge_ros.models.vlm.prefix import Piece, PrefixEngine, Tokens

TOLERANCE = {"float32": 1e-3, "float16": 5e-2}
"""Largest difference of logits, as a share of their spread over the vocabulary, by the type of the key/values."""

DEVICE_TOLERANCE = 1e-2
"""The least tolerance on a GPU, which multiplies float32 with fewer digits (TF32)."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the first questions to a model have shown.

    Attributes:
        shares_prefix: a shared beginning gives the logits of the whole; else every prompt has to be read anew.
        packs_suffixes: several prompts may be asked in one run.
        error: largest difference of logits between the two ways, as a share of their spread.
        tolerance: what is allowed for the precision of the model.
        first_s: seconds that the first question took, with whatever the runtime had to set up.
        warm_s: seconds that the same question took the second time.
    """

    shares_prefix: bool
    packs_suffixes: bool
    error: float
    tolerance: float
    first_s: float
    warm_s: float

    @property
    def status(self) -> str:
        """One sentence for a person."""
        latency = f"first answer {self.first_s:.2f} s, warm {self.warm_s:.2f} s"
        if not self.shares_prefix:
            return (
                "Every prompt is read from the beginning, which is slow: with this precision a shared prefix moves "
                f"the logits by {self.error:.2g} of their spread (tolerance {self.tolerance:g}); {latency}."
            )
        way = "at once" if self.packs_suffixes else "one after the other"
        accuracy = f"logits equal to {self.error:.1g} of their spread"
        return f"Prompts share the frames and are asked {way} ({accuracy}); {latency}."


def prove(
    engine: PrefixEngine,
    pieces: Callable[[], Sequence[Piece]],
    suffixes: Sequence[Tokens],
    tolerance: float,
    may_pack: bool,
    call: Call,
) -> Proof:
    """Ask the same in every way, and compare.

    Args:
        engine: what is proven.
        pieces: makes what comes first, with images, from the pixels on; at least two.
        suffixes: at least two continuations of different lengths.
        tolerance: largest difference that passes.
        may_pack: whether to try several prompts in one run.
        call: the call that this is a part of.

    Raises:
        Cancelled: the call was cancelled.
        JudgeError: the model does not run at all.
        ModelBroken: it gives numbers that are not finite.
    """

    def ask() -> tuple[Array, float]:
        began = time.perf_counter()
        prefix = engine.empty()
        for piece in pieces():
            prefix = engine.append(prefix, [piece], call)
        return engine.logits(prefix, suffixes, call), time.perf_counter() - began

    _, first_s = ask()
    shared, warm_s = ask()
    whole_pieces = pieces()
    whole = np.stack([engine.whole_logits(whole_pieces, suffix, call) for suffix in suffixes])
    if not np.isfinite(whole).all():
        raise ModelBroken("The model gives logits that are not finite; use the files of another precision.")
    error = difference(shared, whole)
    shares_prefix = error <= tolerance
    return Proof(
        shares_prefix,
        shares_prefix and may_pack and _packs(engine, whole_pieces, suffixes, shared, tolerance, call),
        error,
        tolerance,
        first_s,
        warm_s,
    )


def tolerance_of(decoder: DecoderGraph) -> float:
    """What the precision of a decoder and the device that it runs on allow."""
    tolerance = TOLERANCE[decoder.key_value_dtype.name]
    return tolerance if decoder.is_on_cpu else max(tolerance, DEVICE_TOLERANCE)


def difference(logits: Array, reference: Array) -> float:
    """Largest difference between rows of logits, as a share of the reference's spread over the vocabulary."""
    spread = np.maximum(reference.std(axis=1), np.finfo(np.float32).tiny)
    largest = np.abs(logits - reference).max(axis=1) / spread
    return float("inf") if not np.isfinite(largest).all() else float(largest.max())


def _packs(
    engine: PrefixEngine,
    pieces: Sequence[Piece],
    suffixes: Sequence[Tokens],
    shared: Array,
    tolerance: float,
    call: Call,
) -> bool:
    prefix = engine.append(engine.empty(), pieces, call)
    try:
        packed = engine.logits(prefix, suffixes, call, at_once=len(suffixes))
    except Cancelled:
        raise
    except JudgeError:
        # GroupQueryAttention refuses a batch that has a past.
        return False
    return difference(packed, shared) <= tolerance
