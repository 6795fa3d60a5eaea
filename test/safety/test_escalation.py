"""In which order adapters are called."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.safety.escalation import ActionState, Escalation, Plan


def at(seconds: float) -> int:
    return round(seconds * 1e9)


PAUSE, CANCEL, POWER = Plan("pause", True), Plan("cancel", True), Plan("power", True)
TOPIC, SIREN = Plan("topic", False), Plan("siren", True, parallel=True)


def states(escalation: Escalation) -> dict[str, ActionState]:
    return {action.plan.name: action.state for action in escalation.actions}


def test_topics_and_parallel_ones_are_called_at_once_and_the_first_of_the_rest() -> None:
    escalation = Escalation([PAUSE, TOPIC, CANCEL, SIREN])
    assert escalation.begin(0) == ["topic", "siren", "pause"]
    assert states(escalation)["cancel"] is ActionState.WAITING


def test_a_topic_is_done_when_it_was_sent_and_a_service_when_it_answers() -> None:
    escalation = Escalation([TOPIC, PAUSE, CANCEL])
    escalation.begin(at(1))
    escalation.sent("topic", "Published.", at(1.001))
    escalation.sent("pause", "Called.", at(1.001))
    assert states(escalation)["topic"] is ActionState.DONE
    assert states(escalation)["pause"] is ActionState.RUNNING
    escalation.answered("pause", "Paused.", at(1.05))
    _, pause, cancel = escalation.actions
    assert pause.latency_s is not None and abs(pause.latency_s - 0.05) < 1e-9
    assert pause.text == "Paused."
    assert cancel.state is ActionState.WAITING
    assert escalation.check(at(100)) == []


def test_silence_is_called_again_and_then_escalates() -> None:
    escalation = Escalation([PAUSE, CANCEL])
    assert escalation.begin(0) == ["pause"]
    assert escalation.check(at(0.1)) == []
    assert escalation.check(at(0.2)) == ["pause"]
    assert escalation.check(at(0.4)) == ["pause"]
    assert escalation.check(at(0.6)) == ["cancel"]
    assert states(escalation) == {"pause": ActionState.FAILED, "cancel": ActionState.RUNNING}
    assert "called cancel" in escalation.actions[0].text


def test_a_refusal_is_tried_again_and_the_last_one_escalates_at_once() -> None:
    escalation = Escalation([PAUSE, CANCEL])
    escalation.begin(0)
    assert escalation.refused("pause", "Busy.", at(0.01)) == []
    assert escalation.check(at(0.2)) == ["pause"]
    assert escalation.refused("pause", "Busy.", at(0.21)) == []
    assert escalation.check(at(0.4)) == ["pause"]
    assert escalation.refused("pause", "Busy.", at(0.41)) == ["cancel"]
    assert escalation.actions[0].text.endswith("Busy.")


def test_what_failed_is_tried_again_once_a_second_and_may_answer_late() -> None:
    escalation = Escalation([Plan("pause", True, attempts=1)])
    escalation.begin(0)
    assert escalation.check(at(0.2)) == []
    assert escalation.check(at(1.1)) == []
    assert escalation.check(at(1.2)) == ["pause"]
    assert states(escalation)["pause"] is ActionState.FAILED
    escalation.answered("pause", "Paused.", at(1.3))
    assert states(escalation)["pause"] is ActionState.DONE
    assert escalation.check(at(9)) == []


def test_a_topic_that_cannot_be_sent_escalates_too() -> None:
    escalation = Escalation([Plan("topic", False, attempts=1), PAUSE, CANCEL])
    escalation.begin(0)
    assert escalation.refused("topic", "No such thing.", 0) == ["cancel"]


plans = st.lists(
    st.builds(
        Plan,
        st.sampled_from("abcdef"),
        st.booleans(),
        st.booleans(),
        st.floats(0.02, 1.0),
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda plan: plan.name,
)


@given(plans, st.lists(st.tuples(st.floats(0, 0.5), st.integers(0, 5), st.sampled_from("asrc")), max_size=60))
def test_whatever_comes_all_at_once_ones_are_called_and_each_failure_calls_one_more(
    plans: list[Plan], steps: list[tuple[float, int, str]]
) -> None:
    escalation, now_s = Escalation(plans), 0.0
    called = set(escalation.begin(0))
    assert called >= {plan.name for plan in plans if plan.at_once}
    for step_s, index, step in steps:
        now_s += step_s
        action = escalation.actions[index % len(plans)]
        before = action.state
        name = action.plan.name
        if step == "a" and before is not ActionState.WAITING:
            escalation.answered(name, "Done.", at(now_s))
        elif step == "s" and before is not ActionState.WAITING:
            escalation.sent(name, "Sent.", at(now_s))
        elif step == "r":
            called |= {*escalation.refused(name, "No.", at(now_s))}
        else:
            called |= {*escalation.check(at(now_s))}
        if before is ActionState.DONE:
            assert action.state is ActionState.DONE
    waiting = {name for name, state in states(escalation).items() if state is ActionState.WAITING}
    assert called == {plan.name for plan in plans} - waiting
    failed = sum(state is ActionState.FAILED for state in states(escalation).values())
    chain = [plan.name for plan in plans if not plan.at_once]
    assert not waiting or len(called & {*chain}) >= min(len(chain), 1 + failed)


@given(plans)
def test_where_nobody_answers_everyone_is_called_in_the_end(plans: list[Plan]) -> None:
    escalation, called = Escalation(plans), set()
    called |= {*escalation.begin(0)}
    for turn in range(1, 3000):
        called |= {*escalation.check(at(turn * 0.02))}
    assert called == {plan.name for plan in plans}
    assert all(action.state is ActionState.FAILED for action in escalation.actions)
    assert all(action.attempts >= action.plan.attempts for action in escalation.actions)
