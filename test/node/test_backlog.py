"""What waits in a queue is taken at once, up to a limit."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Int64

from vlm_judge_ros.node.backlog import MOST, waiting_messages


@pytest.fixture
def node() -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=random.randint(1, 101))
    node = Node("backlog", context=context)
    yield node
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def test_a_turn_takes_what_waits_oldest_first_and_leaves_the_rest_to_the_next(node: Node) -> None:
    turns: list[list[int]] = []

    def on_message(message: Int64) -> None:
        turns.append([message.data, *(waiting.data for waiting in waiting_messages(subscription))])

    subscription = node.create_subscription(Int64, "numbers", on_message, 1000)
    publisher = node.create_publisher(Int64, "numbers", 1000)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    while not publisher.get_subscription_count():
        executor.spin_once(timeout_sec=0.1)
    sent = list(range(2 * MOST))
    for number in sent:
        publisher.publish(Int64(data=number))
    assert publisher.wait_for_all_acked(Duration(seconds=60))
    while sum(map(len, turns)) < len(sent):
        executor.spin_once(timeout_sec=60.0)
    assert [number for turn in turns for number in turn] == sent
    assert [len(turn) for turn in turns] == [MOST + 1, MOST - 1]
    executor.shutdown()
