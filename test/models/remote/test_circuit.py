from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from vlm_judge_ros.models.remote.circuit import Circuit, CircuitState, Passage


def _fail(circuit: Circuit, now_s: float) -> None:
    passage = circuit.enter(now_s)
    assert passage is not None
    circuit.failed(passage, now_s)


def test_failures_in_a_row_open_it() -> None:
    circuit = Circuit(3, 10.0)
    for _ in range(3):
        assert circuit.state(0.0) is CircuitState.CLOSED
        _fail(circuit, 0.0)
    assert circuit.state(0.0) is CircuitState.OPEN
    assert circuit.wait_s(4.0) == 6.0
    assert circuit.enter(9.9) is None


def test_a_success_between_them_breaks_the_row() -> None:
    circuit = Circuit(2, 10.0)
    _fail(circuit, 0.0)
    passage = circuit.enter(0.0)
    assert passage is not None
    circuit.succeeded(passage)
    _fail(circuit, 0.0)
    assert circuit.state(0.0) is CircuitState.CLOSED


def test_one_call_tries_whether_the_server_is_back() -> None:
    circuit = Circuit(1, 10.0)
    _fail(circuit, 0.0)
    probe = circuit.enter(10.0)
    assert probe is not None and probe.is_probe
    assert circuit.enter(10.0) is None
    circuit.succeeded(probe)
    assert circuit.state(10.0) is CircuitState.CLOSED
    assert circuit.enter(10.0) == Passage(probe.period + 1, is_probe=False)


def test_a_failed_probe_keeps_it_open_as_long_again() -> None:
    circuit = Circuit(5, 10.0)
    for _ in range(5):
        _fail(circuit, 0.0)
    _fail(circuit, 12.0)
    assert circuit.enter(21.9) is None
    assert circuit.enter(22.0) is not None


def test_a_probe_that_is_given_up_leaves_room_for_another() -> None:
    circuit = Circuit(1, 10.0)
    _fail(circuit, 0.0)
    probe = circuit.enter(10.0)
    assert probe is not None
    circuit.gave_up(probe)
    assert circuit.enter(10.0) is not None


def test_calls_that_began_before_it_opened_decide_nothing() -> None:
    circuit = Circuit(1, 10.0)
    slow = circuit.enter(0.0)
    assert slow is not None
    _fail(circuit, 1.0)
    circuit.failed(slow, 9.0)
    assert circuit.wait_s(9.0) == 2.0
    circuit.succeeded(slow)
    assert circuit.state(9.0) is CircuitState.OPEN


class AnyStory(RuleBasedStateMachine):
    """Whatever happens, at most one call tries a broken server, and the circuit can always close again."""

    @initialize(failures=st.integers(1, 4), open_s=st.floats(0.1, 100.0))
    def begin(self, failures: int, open_s: float) -> None:
        self.circuit = Circuit(failures, open_s)
        self.open_s = open_s
        self.now_s = 0.0
        self.out: list[Passage] = []

    @rule(seconds=st.floats(0.0, 200.0))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def a_call_begins(self) -> None:
        state = self.circuit.state(self.now_s)
        passage = self.circuit.enter(self.now_s)
        if state is CircuitState.OPEN:
            assert passage is None
        if state is CircuitState.CLOSED:
            assert passage is not None and not passage.is_probe
        if passage is not None:
            self.out.append(passage)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), end=st.sampled_from(["succeeded", "failed", "gave up"]))
    def a_call_ends(self, data: st.DataObject, end: str) -> None:
        passage = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        if end == "succeeded":
            self.circuit.succeeded(passage)
        elif end == "failed":
            self.circuit.failed(passage, self.now_s)
        else:
            self.circuit.gave_up(passage)

    @rule()
    def probes_are_abandoned(self) -> None:
        self.circuit.abandon_probe()
        self.out = [passage for passage in self.out if not passage.is_probe]

    @invariant()
    def at_most_one_probe(self) -> None:
        assert sum(passage.is_probe for passage in self.out) <= 1

    @invariant()
    def it_never_stays_open_for_longer_than_set(self) -> None:
        assert 0.0 <= self.circuit.wait_s(self.now_s) <= self.open_s + 1e-9 * self.now_s

    def teardown(self) -> None:
        if not hasattr(self, "circuit"):
            return
        for passage in self.out:
            self.circuit.gave_up(passage)
        passage = self.circuit.enter(self.now_s + 2.0 * self.open_s)
        assert passage is not None
        self.circuit.succeeded(passage)
        assert self.circuit.state(self.now_s) is CircuitState.CLOSED


TestAnyStory = AnyStory.TestCase
