"""Real nodes over loopback DDS: the judge node as a process of its own, and a bench that plays cameras and listens."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from ros_domain import unused_domain

# Before rclpy is imported anywhere.
os.environ["ROS_DOMAIN_ID"] = str(unused_domain())
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

pytest.importorskip("rclpy", reason="no ROS 2")

from bench import Bench
from judge_process import JudgeProcess


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def start(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., JudgeProcess]]:
    """Starts judge nodes, and ends those that still run when the module is through."""
    processes: list[JudgeProcess] = []

    def start_judge(namespace: str, *arguments: str, ready: bool = True, **parameters: object) -> JudgeProcess:
        log = tmp_path_factory.mktemp("log") / f"{namespace}.txt"
        judge = JudgeProcess(bench, namespace, log, arguments, parameters)
        processes.append(judge)
        if ready:
            judge.await_state("active")
        return judge

    yield start_judge
    for judge in processes:
        judge.end()
