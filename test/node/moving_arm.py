"""A process with what only a real robot has: an action server with a goal that runs, and a controller manager.

Arguments: namespace, and `accept` or `reject` for a request to cancel the goal. Prints a line for what happens to it.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import rclpy
from controller_manager_msgs.action import Move
from controller_manager_msgs.srv import SwitchController
from rclpy.action import ActionClient, ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor


def tell(text: str) -> None:
    print(text, flush=True)


def main(namespace: str, answer: str) -> None:
    rclpy.init()
    node = rclpy.create_node("moving_arm", namespace=namespace)
    group = ReentrantCallbackGroup()
    waiting = threading.Event()

    def move(goal: Any) -> Any:
        tell("moving")
        while not goal.is_cancel_requested:
            waiting.wait(0.02)
        goal.canceled()
        tell("cancelled")
        return Move.Result()

    def switch(request: Any, response: Any) -> Any:
        tell(f"deactivates {list(request.deactivate_controllers)} {request.strictness == request.BEST_EFFORT}")
        response.ok = True
        return response

    response = CancelResponse.ACCEPT if answer == "accept" else CancelResponse.REJECT
    server = ActionServer(node, Move, "move", move, cancel_callback=lambda _: response, callback_group=group)
    node.create_service(SwitchController, "controller_manager/switch_controller", switch)
    client = ActionClient(node, Move, "move", callback_group=group)
    executor = MultiThreadedExecutor(4)
    executor.add_node(node)
    threading.Thread(target=executor.spin, daemon=True).start()
    client.wait_for_server()
    client.send_goal_async(Move.Goal())
    threading.Event().wait()
    del server


if __name__ == "__main__":
    main(*sys.argv[1:])
