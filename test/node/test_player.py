from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from replay.episode_bag import STARTED_NS, EpisodeBag
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.player import Player
from vlm_judge_ros.replay.bag import Bag

IMAGES = "/front/image/compressed"
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture
def nodes() -> Iterator[tuple[Node, Node]]:
    """A node that plays, and one that listens in a thread of its own."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=random.randint(1, 101))
    player, listener = Node("player", context=context), Node("listener", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(listener)

    def spin() -> None:
        with contextlib.suppress(ExternalShutdownException):
            executor.spin()

    thread = threading.Thread(target=spin)
    thread.start()
    yield player, listener
    executor.shutdown()
    thread.join()
    player.destroy_node()
    listener.destroy_node()
    rclpy.try_shutdown(context=context)


class _Ear:
    def __init__(self, node: Node, wanted: int) -> None:
        self.images: list[CompressedImage] = []
        self.clock_ns: list[int] = []
        self.all_heard = threading.Event()
        self._wanted = wanted
        node.create_subscription(Clock, "/clock", self._on_clock, 1000)
        node.create_subscription(CompressedImage, "camera", self._on_image, 1000)

    def _on_clock(self, message: Clock) -> None:
        self.clock_ns.append(message.clock.sec * 1_000_000_000 + message.clock.nanosec)

    def _on_image(self, message: CompressedImage) -> None:
        self.images.append(message)
        if len(self.images) == self._wanted:
            self.all_heard.set()


def test_messages_arrive_byte_for_byte_with_their_own_stamps_while_simulated_time_rises(
    tmp_path: Path, nodes: tuple[Node, Node]
) -> None:
    with Bag(EpisodeBag(duration_s=1.0).write(tmp_path)) as bag:
        ear = _Ear(nodes[1], wanted=11)
        player = Player(nodes[0], bag, {IMAGES: "camera"}, rate=4.0)
        player.await_subscribers(60.0, lambda: None)
        player.play(threading.Event())
        assert ear.all_heard.wait(60.0)
        recorded = [bag.decode(message) for message in bag.messages({IMAGES})]
    assert [bytes(image.data) for image in ear.images] == [bytes(image.data) for image in recorded]
    stamps = [image.header.stamp.sec * 1_000_000_000 + image.header.stamp.nanosec for image in ear.images]
    assert stamps == [STARTED_NS + index * 100_000_000 for index in range(11)]
    assert player.published == {IMAGES: 11}
    assert ear.clock_ns[0] == STARTED_NS
    assert ear.clock_ns == sorted(ear.clock_ns)
    assert player.now_ns == STARTED_NS + 1_000_000_000


def test_a_latched_topic_reaches_whoever_comes_late(tmp_path: Path, nodes: tuple[Node, Node]) -> None:
    with Bag(EpisodeBag(duration_s=0.2).write(tmp_path)) as bag:
        player = Player(nodes[0], bag, {"/task": "task"}, latched={"/task"}, rate=10.0)
        player.play(threading.Event())
        told, heard = [], threading.Event()

        def on_task(message: String) -> None:
            told.append(message.data)
            heard.set()

        nodes[1].create_subscription(String, "task", on_task, LATCHED)
        assert heard.wait(60.0)
    assert told == ["move the square to the right"]


def test_where_nobody_listens_the_topics_are_named_after_the_bound(tmp_path: Path, nodes: tuple[Node, Node]) -> None:
    with Bag(EpisodeBag(duration_s=0.2).write(tmp_path)) as bag:
        player = Player(nodes[0], bag, {IMAGES: "camera"})
        with pytest.raises(JudgeError, match=r"Nobody subscribed to /clock, /camera within 0\.1 s"):
            player.await_subscribers(0.1, lambda: None)


def test_a_replay_that_is_told_to_stop_stops(tmp_path: Path, nodes: tuple[Node, Node]) -> None:
    with Bag(EpisodeBag(duration_s=60.0).write(tmp_path)) as bag:
        player = Player(nodes[0], bag, {IMAGES: "camera"})
        stop = threading.Event()
        player.play(stop, on_tick=stop.set)
        assert player.published[IMAGES] <= 1


@pytest.mark.parametrize(
    ("topic", "rate", "sentence"),
    [("/nothing", 1.0, "has no topic /nothing; it has /chunk"), (IMAGES, 0.0, "at rate 0")],
)
def test_what_cannot_be_played_is_refused(
    tmp_path: Path, nodes: tuple[Node, Node], topic: str, rate: float, sentence: str
) -> None:
    with Bag(EpisodeBag(duration_s=0.2).write(tmp_path)) as bag, pytest.raises(JudgeError, match=sentence):
        Player(nodes[0], bag, {topic: "camera"}, rate=rate)
