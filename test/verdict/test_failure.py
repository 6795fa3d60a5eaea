from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.verdict.failure import FailureEvent, FailureStatus, FailureTracker
from vlm_judge_ros.verdict.memory import Failure
from vlm_judge_ros.verdict.onset import RiseHistory
from vlm_judge_ros.verdict.verdict import Provenance

SECOND = 1_000_000_000
HERE = Provenance(software_version="0")
OPENING = {FailureStatus.FAILED, FailureStatus.CONFIRMED}


def failure(confirmed: bool) -> Failure:
    finding = Finding(
        Layer.JUDGE,
        "judge_failure",
        "",
        Effect.FAILURE,
        "It fails.",
        SECOND,
        severity=Severity.ERROR,
        mode=FailureMode.SLIP,
        value=0.9,
    )
    return Failure(finding, SECOND, SECOND, confirmed)


@given(st.lists(st.sampled_from([None, False, True]), max_size=30))
def test_events_open_and_close_in_order_and_ids_rise(story: list[bool | None]) -> None:
    tracker = FailureTracker("one")
    events: list[FailureEvent] = []
    for step, confirmed in enumerate(story):
        held = None if confirmed is None else failure(confirmed)
        events += tracker.update(held, step * SECOND, None, HERE)
    events += tracker.clear(len(story) * SECOND)
    open_id = 0
    for event in events:
        if event.status in OPENING:
            assert event.event_id in (open_id, open_id + 1)
            open_id = event.event_id
        else:
            assert event.event_id == open_id
    if events:
        assert events[-1].status not in OPENING
    assert sum(event.status not in OPENING for event in events) == open_id


def test_an_event_tells_mode_layer_onset_and_confidence() -> None:
    (event,) = FailureTracker("one").update(failure(True), 5 * SECOND, 2 * SECOND, HERE)
    assert (event.status, event.mode, event.deciding_layer) == (
        FailureStatus.CONFIRMED,
        FailureMode.SLIP,
        Layer.JUDGE,
    )
    assert (event.onset_ns, event.confidence, event.episode_id) == (2 * SECOND, 0.9, "one")
    assert type(event).model_validate_json(event.model_dump_json()) == event


def test_the_onset_is_the_last_rise_before_the_failure_was_noticed() -> None:
    rises = RiseHistory()
    for second, progress in enumerate([0.1, 0.3, 0.5, 0.5, 0.5, 0.2, 0.2], start=1):
        rises.add(second * SECOND, progress)
    assert rises.onset_ns(6 * SECOND) == 3 * SECOND


def test_a_slip_that_was_made_good_is_not_the_onset_of_a_later_failure() -> None:
    rises = RiseHistory()
    for second, progress in enumerate([0.2, 0.6, 0.3, 0.4, 0.6, 0.6, 0.1], start=1):
        rises.add(second * SECOND, progress)
    assert rises.onset_ns(7 * SECOND) == 5 * SECOND


def test_without_an_answer_before_it_the_onset_is_when_it_was_noticed() -> None:
    assert RiseHistory().onset_ns(4 * SECOND) == 4 * SECOND
