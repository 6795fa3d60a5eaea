from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node

README = Path(__file__).parents[1] / "README.md"
CAMERAS = ("front", "wrist")


def section(name: str) -> str:
    text = README.read_text(encoding="utf-8")
    found = re.search(rf"<!-- {name}: begin -->\n(.*?)<!-- {name}: end -->", text, re.DOTALL)
    assert found is not None, f"the README has no section {name}"
    return found.group(1).strip()


def documented(direction: str) -> set[tuple[str, str]]:
    rows = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in section("interface").splitlines()]
    named = [(row[0], row[1]) for row in rows if row[2] == direction]
    return {(name.replace("<camera>", camera), kind) for name, kind in named for camera in CAMERAS}


def test_every_picture_and_file_that_is_linked_exists() -> None:
    text = README.read_text(encoding="utf-8")
    linked = [address for address in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in address]
    assert [address for address in linked if not (README.parent / address).exists()] == []


def expected(direction: str) -> set[tuple[str, str]]:
    """What is documented, for one camera raw and one compressed."""
    other_transport = {
        ("front/image/compressed", "sensor_msgs/msg/CompressedImage"),
        ("wrist/image", "sensor_msgs/msg/Image"),
    }
    return documented(direction) - other_transport


Interface = dict[str, set[tuple[str, str]]]


@pytest.fixture(scope="module")
def judge_interface() -> Iterator[Interface]:
    """What a running judge node has that a bare lifecycle node has not; cameras raw and compressed."""
    domain_id = random.randint(1, 101)
    environment = {
        **os.environ,
        "ROS_DOMAIN_ID": str(domain_id),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "PYTHONPATH": str(Path(__file__).parent),
    }
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    command = [sys.executable, "-m", "vlm_judge_ros.node.judge_node", "--ros-args", "-r", "__ns:=/readme"]
    command += ["-p", "judge:=node.square_judge:create", "-p", "wrist.transport:=compressed"]
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain_id)
    with subprocess.Popen(command, env=environment, cwd=os.sep) as process:
        observer = Node("observer", namespace="readme", context=context)
        bare = LifecycleNode("bare", namespace="readme", context=context)
        try:
            yield _await_interface(observer, process)
        finally:
            process.terminate()
            bare.destroy_node()
            observer.destroy_node()
            rclpy.try_shutdown(context=context)


def _await_interface(observer: Node, process: subprocess.Popen[bytes]) -> Interface:
    """The interface once all that is documented has been discovered; what there is by then where that never happens."""
    special: Interface = {}
    for _ in range(600):
        assert process.poll() is None, "the judge node has ended"
        names = {name for name, _ in observer.get_node_names_and_namespaces()}
        if {"judge_node", "bare"} <= names:
            own, usual = _interface_of(observer, "judge_node"), _interface_of(observer, "bare")
            special = {direction: own[direction] - usual[direction] for direction in own}
            if all(expected(direction) <= special[direction] for direction in special):
                break
        threading.Event().wait(0.1)
    return special


def _interface_of(observer: Node, name: str) -> Interface:
    def relative(found: list[tuple[str, list[str]]]) -> set[tuple[str, str]]:
        short = {topic.replace(f"/readme/{name}/", "~/").replace("/readme/", ""): kinds for topic, kinds in found}
        return {(topic, kind) for topic, kinds in short.items() for kind in kinds}

    return {
        "in": relative(observer.get_subscriber_names_and_types_by_node(name, "/readme")),
        "out": relative(observer.get_publisher_names_and_types_by_node(name, "/readme")),
        "service": relative(observer.get_service_names_and_types_by_node(name, "/readme")),
    }


@pytest.mark.parametrize("direction", ["in", "out", "service"])
def test_the_running_node_offers_and_hears_exactly_what_the_readme_says(
    judge_interface: Interface, direction: str
) -> None:
    assert judge_interface[direction] == expected(direction)
