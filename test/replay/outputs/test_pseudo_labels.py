from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from replay.judged import trace

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.replay.outputs.pseudo_labels import (
    DISAGREEMENT,
    REASONS,
    TOO_FEW,
    UNDECIDED,
    UNSURE,
    Limits,
    PseudoLabel,
    Sample,
    sample_of,
    vote,
)
from vlm_judge_ros.replay.trace import Curve
from vlm_judge_ros.verdict.verdict import State

NUMBERS = st.floats(0.0, 1.0) | st.just(math.nan)
MODES = st.sampled_from([FailureMode.STALL, FailureMode.COLLISION, FailureMode.OBJECT_DROPPED])
SAMPLES = st.one_of(
    st.just(Sample(None)),
    st.builds(lambda p, c: Sample("success", progress=p, confidence=c), NUMBERS, NUMBERS),
    st.builds(lambda m, t, p, c: Sample("failure", m, t, p, c), MODES, st.none() | st.floats(0, 99), NUMBERS, NUMBERS),
)
MANY = st.lists(SAMPLES, max_size=9)
LIMITS = st.builds(Limits, st.integers(1, 5), st.floats(0.0, 1.0), st.floats(0.0, 1.0))


def labelled(samples: list[Sample], limits: Limits) -> PseudoLabel | str:
    return vote(samples, limits, "one", "a bag", "move it")


@given(MANY, LIMITS)
def test_a_label_keeps_every_limit_and_all_else_has_a_reason(samples: list[Sample], limits: Limits) -> None:
    label = labelled(samples, limits)
    if isinstance(label, str):
        assert label in REASONS
        return
    agreeing = [sample for sample in samples if sample.outcome == label.outcome]
    assert 2 * len(agreeing) > len(samples) >= limits.samples
    assert label.agreement == len(agreeing) / len(samples) >= limits.agreement
    assert label.confidence >= limits.confidence
    assert (label.failure_mode == "NONE") == (label.outcome == "success")
    assert PseudoLabel.model_validate_json(label.model_dump_json()) == label


@given(MANY, LIMITS, st.randoms())
def test_the_order_of_the_samples_does_not_matter(samples: list[Sample], limits: Limits, chance: object) -> None:
    shuffled = list(samples)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert repr(labelled(shuffled, limits)) == repr(labelled(samples, limits))


@given(MANY, st.integers(1, 5), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_stricter_limits_never_keep_more(
    samples: list[Sample], count: int, agreement: float, confidence: float, stricter: float
) -> None:
    loose = Limits(count, agreement, confidence)
    strict = Limits(count, max(agreement, stricter), max(confidence, stricter))
    if isinstance(labelled(samples, strict), PseudoLabel):
        assert labelled(samples, loose) == labelled(samples, strict)


def test_each_reason_is_told() -> None:
    yes, no = Sample("success", confidence=0.9), Sample("failure", FailureMode.STALL, confidence=0.9)
    limits = Limits(3, 0.75, 0.8)
    assert labelled([yes, yes], limits) == TOO_FEW
    assert labelled([yes, no, Sample(None)], limits) == UNDECIDED
    assert labelled([yes, yes, no], limits) == DISAGREEMENT
    assert labelled([yes, yes, Sample("success")], limits) == UNSURE
    assert isinstance(labelled([yes, yes, yes, no], limits), PseudoLabel)


def test_failures_of_different_kinds_are_a_failure_of_unknown_kind() -> None:
    kinds = [FailureMode.STALL, FailureMode.COLLISION, FailureMode.OBJECT_DROPPED]
    label = labelled([Sample("failure", kind, 1.0, confidence=1.0) for kind in kinds], Limits())
    assert isinstance(label, PseudoLabel)
    assert (label.outcome, label.failure_mode, label.onset_s) == ("failure", "UNKNOWN", 1.0)


@given(st.sampled_from([State.SUCCEEDED, State.FAILED, State.PROGRESSING]), st.floats(0.0, 1.0))
def test_true_labels_never_come_in(state: State, progress: float) -> None:
    judged = trace((1.0, state), mode="STALL", onset_s=2.0)
    blind = replace(judged, truth=None, true_progress=Curve())
    lied_to = replace(judged, true_progress=Curve((0.0, 1.0), (progress, progress)))
    assert repr(sample_of(judged)) == repr(sample_of(blind)) == repr(sample_of(lied_to))
