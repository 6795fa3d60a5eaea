"""Commands the adapters as the escalation says, and notes what they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from rclpy.impl.rcutils_logger import RcutilsLogger

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.stop_adapters.adapter import StopAdapter
from vlm_judge_ros.safety.escalation import Action, ActionState, Escalation, Plan


class StopCommands:
    """All adapters of the node. No method waits for an answer, and none fails because an adapter does.

    Args:
        adapters: the adapters by name, in the order in which they are called.
        plans: how each is called, in the same order.
        steady_ns: the steady clock.
        logger: log of the node.
        changed: called when an answer has changed what is to be published.
    """

    def __init__(
        self,
        adapters: Mapping[str, StopAdapter],
        plans: Iterable[Plan],
        steady_ns: Callable[[], int],
        logger: RcutilsLogger,
        changed: Callable[[], None],
    ) -> None:
        self._adapters = adapters
        self._plans = tuple(plans)
        self._steady_ns = steady_ns
        self._logger = logger
        self._changed = changed
        self._escalation: Escalation | None = None
        self._told: dict[str, tuple[object, ...]] = {}

    @property
    def actions(self) -> tuple[Action, ...]:
        """What was done about the stop that holds; empty where none does."""
        return self._escalation.actions if self._escalation is not None else ()

    def begin(self) -> None:
        """Stop the robot."""
        self._escalation = Escalation(self._plans)
        self._told = {}
        self._call(self._escalation, self._escalation.begin(self._steady_ns()))

    def check(self) -> bool:
        """Call again, or call the next, where an answer is overdue; returns whether any adapter was called."""
        if self._escalation is None:
            return False
        names = self._escalation.check(self._steady_ns())
        self._call(self._escalation, names)
        return bool(names)

    def end(self, release: bool) -> None:
        """End the stop; with `release` also say that the robot may move again."""
        self._escalation = None
        for name, adapter in self._adapters.items():
            try:
                adapter.end()
                if release:
                    adapter.release()
            except Exception as error:
                self._logger.error(f"Adapter {name} did not end ({type(error).__name__}: {error}).")

    def log(self) -> None:
        """Write to the log what has changed since it was last called, a line for each adapter."""
        for action in self.actions:
            # What has failed is tried again and again, which is told once.
            failed = action.state is ActionState.FAILED
            news = (action.state,) if failed else (action.state, action.attempts, action.text)
            if action.state is ActionState.WAITING or self._told.get(action.plan.name) == news:
                continue
            self._told[action.plan.name] = news
            line = f"Adapter {action.plan.name}, attempt {action.attempts}, {action.state.name}: {action.text}"
            if failed:
                self._logger.error(line)
            else:
                self._logger.info(line)

    def _call(self, escalation: Escalation, names: Iterable[str]) -> None:
        names = list(names)
        while names:
            name = names.pop(0)
            try:
                text = self._adapters[name].stop(partial(self._take, escalation, name))
            except JudgeError as error:
                names += escalation.refused(name, str(error), self._steady_ns())
            except Exception as error:  # The others are to be called whatever happens to this one.
                text = f"Could not be commanded ({type(error).__name__}: {error})."
                names += escalation.refused(name, text, self._steady_ns())
            else:
                escalation.sent(name, text, self._steady_ns())

    def _take(self, escalation: Escalation, name: str, good: bool, text: str) -> None:
        if escalation is not self._escalation:
            return  # The stop that it belongs to was reset.
        if good:
            escalation.answered(name, text, self._steady_ns())
        else:
            self._call(escalation, escalation.refused(name, text, self._steady_ns()))
        self._changed()
