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
from stop_process import JudgeStandIn, StopNodes, StopProcess


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


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in request.node.name)[:60]


@pytest.fixture
def judge_stand_in(bench: Bench, namespace: str) -> Iterator[JudgeStandIn]:
    judge = JudgeStandIn(bench, namespace)
    yield judge
    judge.close()


@pytest.fixture
def stop_node(bench: Bench, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StopNodes]:
    """Starts stop nodes, and ends those that still run."""
    processes: list[StopProcess] = []

    def start(watching: bool = True, variables: dict[str, str] | None = None, **parameters: object) -> StopProcess:
        log = tmp_path_factory.mktemp("log") / f"{len(processes)}.txt"
        # Generous, because this process may be starved for a while.
        given = {"heartbeat_timeout_s": 3.0, "startup_grace_s": 60.0, **parameters}
        process = StopProcess(bench, namespace, log, given, variables or {})
        processes.append(process)
        if watching:
            process.await_watching()
        return process

    yield start
    for process in processes:
        process.end()
