from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replay.judged import ruling, trace

from vlm_judge_ros.replay.chart import NARROW, WIDE, Layout, chart, marks
from vlm_judge_ros.replay.trace import Answer, Curve
from vlm_judge_ros.verdict.verdict import State

probabilities = st.one_of(st.floats(0.0, 1.0), st.just(math.nan))
seconds = st.floats(0.0, 5000.0)


@st.composite
def traces(draw: st.DrawFn):  # type: ignore[no-untyped-def]
    times = sorted(draw(st.lists(seconds, max_size=12)))
    answers = tuple(Answer(time_s, draw(probabilities), success_probability=draw(probabilities)) for time_s in times)
    changes = sorted(
        draw(st.lists(st.tuples(seconds, st.sampled_from(State)), max_size=8)), key=lambda change: change[0]
    )
    truth = draw(st.sampled_from([("NONE", None), ("STALL", 3.0)]))
    made = trace(*changes, mode=truth[0], onset_s=truth[1])
    return replace(made, answers=answers, duration_s=draw(seconds), true_progress=Curve(tuple(times), tuple(times)))


@pytest.mark.parametrize("layout", [WIDE, NARROW])
@given(made=traces())
def test_whatever_happened_the_drawing_is_well_formed_and_nothing_lies_outside_it(made, layout: Layout) -> None:  # type: ignore[no-untyped-def]
    drawing = str(chart(made, layout))
    root = ElementTree.fromstring(drawing)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter():
        for name in ("x", "x1", "x2", "cx"):
            assert 0.0 <= float(element.attrib.get(name, 0)) <= width
        for name in ("y", "y1", "y2", "cy"):
            assert 0.0 <= float(element.attrib.get(name, 0)) <= height
    assert "nan" not in re.sub(r"<title>.*?</title>", "", drawing).replace("role", "")


@given(made=traces())
def test_the_states_follow_one_another_without_gaps_and_neighbours_differ(made) -> None:  # type: ignore[no-untyped-def]
    spans = made.spans
    for before, after in itertools.pairwise(spans):
        assert before.end_s == after.begin_s
        assert (before.ruling.state, before.ruling.failure_mode) != (after.ruling.state, after.ruling.failure_mode)
    assert bool(spans) == bool(made.rulings)


def test_onset_recognition_and_success_are_marked_in_order_of_time() -> None:
    made = trace((2.0, State.FAILED), (8.0, State.SUCCEEDED), mode="STALL", onset_s=6.4)
    assert [mark.kind for mark in marks(made)] == ["recognised", "onset", "succeeded"]


def test_a_failure_is_marked_when_it_became_known_not_when_its_evidence_was_seen() -> None:
    made = replace(trace(mode="STALL", onset_s=1.0), rulings=(ruling(4.0, State.FAILED, known_s=4.6),))
    assert made.recognised_s == 4.6


def test_a_curve_holds_its_newest_value() -> None:
    curve = Curve((1.0, 2.0), (0.1, 0.2))
    assert math.isnan(curve.at(0.9))
    assert (curve.at(1.0), curve.at(1.9), curve.at(5.0)) == (0.1, 0.1, 0.2)
