"""Lifecycle transitions that say why they fail."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from vlm_judge_ros.errors import JudgeError

Node = TypeVar("Node", bound=LifecycleNode)


def transition(
    do: Callable[[Node, LifecycleState], None],
) -> Callable[[Node, LifecycleState], TransitionCallbackReturn]:
    """Let a transition fail with the reason in the log: rclpy itself drops what a transition raises."""

    @wraps(do)
    def wrapped(node: Node, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            do(node, state)
        except JudgeError as error:
            node.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception as error:
            node.get_logger().error(f"{do.__name__} failed ({type(error).__name__}: {error}); this is a bug.")
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    return wrapped
