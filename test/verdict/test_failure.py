from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.verdict.failure import FailureEvent, FailureStatus, FailureTracker
from vlm_judge_ros.verdict.held import Failure
from vlm_judge_ros.verdict.onset import RiseHistory
from vlm_judge_ros.verdict.verdict import Provenance

SECOND = 1_000_000_000
HERE = Provenance(software_version="0")


def failure(
    confirmed: bool,
    mode: FailureMode = FailureMode.SLIP,
    severity: Severity = Severity.ERROR,
    since_ns: int = SECOND,
) -> Failure:
    finding = Finding(
        Layer.JUDGE, "judge_failure", "", Effect.FAILURE, "It fails.", SECOND, severity=severity, mode=mode, value=0.9
    )
    return Failure(mode, severity, (finding,), since_ns, SECOND, confirmed)


def update(tracker: FailureTracker, *held: Failure, at_s: int = 1) -> tuple[FailureEvent, ...]:
    return tracker.update(held, at_s * SECOND, lambda failure: failure.since_ns, lambda _: HERE)


moments = st.dictionaries(
    st.sampled_from([FailureMode.SLIP, FailureMode.STALL, FailureMode.CAMERA_FAULT]),
    st.tuples(st.booleans(), st.sampled_from(list(Severity))),
)


@given(st.lists(moments, max_size=30))
def test_of_each_mode_one_event_is_open_at_most_and_each_opens_and_closes_under_an_id_that_rises(
    story: list[dict[FailureMode, tuple[bool, Severity]]],
) -> None:
    tracker = FailureTracker("one")
    events: list[FailureEvent] = []
    for step, held in enumerate(story):
        events += update(tracker, *(failure(sure, mode, severity) for mode, (sure, severity) in held.items()))
        assert {event.mode for event in tracker.open} == set(held), step
    events += tracker.clear(len(story) * SECOND)
    opened: dict[FailureMode, int] = {}
    newest_id = 0
    for event in events:
        if event.mode not in opened:
            assert event.is_open
            assert event.event_id == newest_id + 1
            newest_id = opened[event.mode] = event.event_id
        assert event.event_id == opened[event.mode]
        if not event.is_open:
            del opened[event.mode]
    assert not opened
    assert tracker.open == ()


def test_an_event_tells_mode_layer_onset_and_confidence() -> None:
    (event,) = update(FailureTracker("one"), failure(True, since_ns=2 * SECOND), at_s=5)
    assert (event.status, event.mode, event.deciding_layer) == (
        FailureStatus.CONFIRMED,
        FailureMode.SLIP,
        Layer.JUDGE,
    )
    assert (event.onset_ns, event.confidence, event.episode_id) == (2 * SECOND, 0.9, "one")
    assert type(event).model_validate_json(event.model_dump_json()) == event


def test_a_failure_that_gets_worse_while_it_is_open_is_announced_again() -> None:
    tracker = FailureTracker("one")
    update(tracker, failure(True, severity=Severity.WARNING))
    (event,) = update(tracker, failure(True, severity=Severity.CRITICAL))
    assert (event.event_id, event.status, event.severity) == (1, FailureStatus.CONFIRMED, Severity.CRITICAL)
    assert update(tracker, failure(True, severity=Severity.CRITICAL)) == ()


def test_the_worst_is_the_worst_of_the_confirmed_ones_and_then_the_oldest() -> None:
    tracker = FailureTracker("one")
    update(tracker, failure(False, FailureMode.SPILL, Severity.CRITICAL))
    assert tracker.worst is None
    update(tracker, failure(True, FailureMode.STALL, Severity.WARNING), failure(True, FailureMode.SLIP))
    update(tracker, *(failure(True, mode) for mode in (FailureMode.SLIP, FailureMode.COLLISION)))
    assert tracker.worst is not None
    assert tracker.worst.mode is FailureMode.SLIP


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
