"""In which order stop adapters are called, called again, and given up for the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

_AGAIN_S = 1.0


class ActionState(IntEnum):
    """What became of an adapter; values equal the constants `STATE_*` of `vlm_judge_ros/msg/StopAction`."""

    WAITING = 0
    RUNNING = 1
    DONE = 2
    FAILED = 3
    OBSERVED = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """How one adapter is called.

    Attributes:
        name: its name.
        answers: it is a service or an action, whose answer tells whether it was heard.
        parallel: it is called at once, however the others fare. One that does not answer always is.
        deadline_s: how long one attempt may take.
        attempts: after so many without a good answer it has failed.
    """

    name: str
    answers: bool
    parallel: bool = False
    deadline_s: float = 0.2
    attempts: int = 3

    @property
    def at_once(self) -> bool:
        """Whether it is called when the stop is decided, whatever its place in the list."""
        return self.parallel or not self.answers


@dataclass(slots=True)
class Action:
    """What was done with one adapter.

    Attributes:
        plan: how it is called.
        state: what became of it.
        attempts: commands sent so far.
        latency_s: from the decision to the good answer, or to the sending where there is none; None for not yet.
        text: one sentence for a person.
        due_ns: on the steady clock, when the attempt under way is over.
    """

    plan: Plan
    state: ActionState = ActionState.WAITING
    attempts: int = 0
    latency_s: float | None = None
    text: str = "Its turn has not come."
    due_ns: int = 0


class Escalation:
    """One stop, from the decision on.

    Called at once are all adapters that do not answer, those that are marked parallel, and the first of the rest.
    Each adapter that fails calls the next one that waits. One that has failed is tried again once a second as long as
    the stop holds, because what has vanished may come back. Depends on its inputs only.

    The caller sends what `begin`, `refused` and `check` return, in that order, and reports every outcome.

    Args:
        plans: the adapters, in the order in which they are called.
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._actions = {plan.name: Action(plan) for plan in plans}
        self._begin_ns = 0

    @property
    def actions(self) -> tuple[Action, ...]:
        """What was done, in the order of the list."""
        return tuple(self._actions.values())

    def begin(self, steady_ns: int) -> list[str]:
        """Start the stop; returns the adapters to call now, those that do not answer first."""
        self._begin_ns = steady_ns
        plans = [action.plan for action in self._actions.values()]
        silent = [plan.name for plan in plans if not plan.answers]
        parallel = [plan.name for plan in plans if plan.answers and plan.parallel]
        first = [plan.name for plan in plans if not plan.at_once][:1]
        return self._call([*silent, *parallel, *first], steady_ns)

    def sent(self, name: str, text: str, steady_ns: int) -> None:
        """A command went out. One that is not answered is done with that."""
        action = self._actions[name]
        if action.plan.answers:
            if action.state is ActionState.RUNNING:
                action.text = text
        else:
            self._done(action, text, steady_ns)

    def answered(self, name: str, text: str, steady_ns: int) -> None:
        """An adapter said that it stops, to whichever attempt."""
        action = self._actions[name]
        if action.state is not ActionState.DONE:
            self._done(action, text, steady_ns)

    def refused(self, name: str, text: str, steady_ns: int) -> list[str]:
        """An attempt could not be sent or was refused; returns the adapters to call now.

        The next attempt is made when the time of this one is over, so what is busy for a moment gets another chance.
        """
        action = self._actions[name]
        if action.state is not ActionState.RUNNING:
            return []
        action.text = text
        return self._fail(action, steady_ns) if action.attempts >= action.plan.attempts else []

    def check(self, steady_ns: int) -> list[str]:
        """Let time pass; returns the adapters to call now."""
        calls: list[str] = []
        for name, action in self._actions.items():
            if action.state is ActionState.RUNNING and steady_ns >= action.due_ns:
                if action.attempts < action.plan.attempts:
                    calls += self._call([name], steady_ns)
                else:
                    calls += self._fail(action, steady_ns)
            elif action.state is ActionState.FAILED and steady_ns >= action.due_ns:
                action.attempts += 1
                action.due_ns = steady_ns + round(_AGAIN_S * 1e9)
                calls.append(name)
        return calls

    def _fail(self, action: Action, steady_ns: int) -> list[str]:
        action.state = ActionState.FAILED
        action.due_ns = steady_ns + round(_AGAIN_S * 1e9)
        waiting = [it.plan.name for it in self._actions.values() if it.state is ActionState.WAITING]
        following = f"called {waiting[0]}" if waiting else "no further adapter waits"
        action.text = f"Failed after {action.attempts} attempts; {following}. {action.text}"
        return self._call(waiting[:1], steady_ns)

    def _call(self, names: Iterable[str], steady_ns: int) -> list[str]:
        called = []
        for name in names:
            action = self._actions[name]
            action.state = ActionState.RUNNING
            action.attempts += 1
            action.due_ns = steady_ns + round(action.plan.deadline_s * 1e9)
            called.append(name)
        return called

    def _done(self, action: Action, text: str, steady_ns: int) -> None:
        action.state = ActionState.DONE
        action.latency_s = (steady_ns - self._begin_ns) / 1e9
        action.text = text
