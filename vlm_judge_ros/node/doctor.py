"""`vlm-judge doctor`: what is installed, and what really runs."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from vlm_judge_ros import __version__
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.proof import proof
from vlm_judge_ros.models.vlm.arguments import add_model_arguments
from vlm_judge_ros.node.dds_profile import dds_profile, profile_variable
from vlm_judge_ros.node.distribution import distribution, wheel_version
from vlm_judge_ros.node.observation import Health, Observation
from vlm_judge_ros.replay.bundled import bundled_episodes

ANSWERS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge doctor`."""
    parser.add_argument(
        "--judge", default="embedded", metavar="NAME", help="embedded, or the import path module:factory of your own"
    )
    model = parser.add_argument_group("a vision-language model")
    model.add_argument(
        "--model", default="", metavar="MODEL", help="load and prove this one: a folder, or a known name"
    )
    model.add_argument(
        "--server",
        default="",
        metavar="SERVER",
        help="reach this one instead: a name in config/servers, or a file; MODEL is then what it calls the model",
    )
    add_model_arguments(model)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found; return 1 where something that is needed is broken."""
    checks: dict[str, Callable[[], Iterator[Observation]]] = {
        "vlm_judge_ros": _software,
        "ROS 2": _ros,
        "messages": _messages,
        "DDS profile": _profile,
        "ONNX Runtime": _devices,
        "judge": lambda: _judge(arguments.judge),
        "episodes": _episodes,
        "extras": _extras,
    }
    if arguments.server:
        checks["server"] = lambda: _server(arguments)
    elif arguments.model:
        checks["model"] = lambda: _model(arguments)
    broken = False
    for subject, check in checks.items():
        for observation in _observed(subject, check):
            broken |= observation.health is Health.BROKEN
            print(f"{observation.health.value:7} {observation.subject:14} {observation.text}", flush=True)
    return 1 if broken else 0


def _observed(subject: str, check: Callable[[], Iterator[Observation]]) -> Iterator[Observation]:
    try:
        yield from check()
    except (ImportError, JudgeError, OSError) as error:
        yield Observation(Health.BROKEN, subject, str(error))
    except Exception as error:  # whatever is broken here, the rest is told all the same
        yield Observation(Health.BROKEN, subject, f"{type(error).__name__}: {error}")


def _software() -> Iterator[Observation]:
    versions = f"{__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Observation(Health.WELL, "vlm_judge_ros", versions)


def _ros() -> Iterator[Observation]:
    rclpy = importlib.import_module("rclpy")
    name = distribution()
    wheels = f" (wheels {wheel_version(name)})" if wheel_version(name) else ""
    middleware = rclpy.get_rmw_implementation_identifier()
    yield Observation(Health.WELL, "ROS 2", f"{name or 'unknown'}{wheels}, middleware {middleware}")
    domain = os.environ.get("ROS_DOMAIN_ID", "0")
    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    yield Observation(Health.WELL, "network", f"domain {domain}, discovery {reach}")


def _messages() -> Iterator[Observation]:
    messages = importlib.import_module("vlm_judge_ros.msg")
    services = importlib.import_module("vlm_judge_ros.srv")
    count = sum(name[0].isupper() for module in (messages, services) for name in vars(module))
    yield Observation(Health.WELL, "messages", f"{count} types are built")


def _profile() -> Iterator[Observation]:
    shipped, used = dds_profile(), os.environ.get(profile_variable(), "")
    if used and Path(used).exists() and shipped.samefile(used):
        yield Observation(Health.WELL, "DDS profile", f"{shipped} is in use")
    else:
        use = f"{used} is in use instead of" if used else "none is in use; the launch file and the demo use"
        yield Observation(Health.ABSENT, "DDS profile", f"{use} {shipped}")


def _devices() -> Iterator[Observation]:
    # Imported here, as the next one: ONNX Runtime may be what is broken.
    from vlm_judge_ros.node import device_checks

    yield from device_checks.devices()


def _model(arguments: argparse.Namespace) -> Iterator[Observation]:
    from vlm_judge_ros.node import device_checks

    yield from device_checks.model(arguments)


def _server(arguments: argparse.Namespace) -> Iterator[Observation]:
    from vlm_judge_ros.node import server_checks

    yield from server_checks.server(arguments.server, arguments.model)


def _judge(name: str) -> Iterator[Observation]:
    began_s = time.perf_counter()
    judge = resolve(name)(JudgeOptions())
    loaded_s = time.perf_counter() - began_s
    latencies_s = []
    for _ in range(ANSWERS):
        asked_s = time.perf_counter()
        judge.ask(proof(("front", "wrist")))
        latencies_s.append(time.perf_counter() - asked_s)
    source = judge.provenance
    yield Observation(Health.WELL, "judge", f"{source.model} {source.model_hash} really runs on {source.provider}")
    median_s = sorted(latencies_s[1:])[len(latencies_s[1:]) // 2]
    yield Observation(
        Health.WELL,
        "verdict costs",
        f"{loaded_s:.2f} s to load, {latencies_s[0] * 1e3:.1f} ms the first answer, {median_s * 1e3:.1f} ms the next",
    )


def _episodes() -> Iterator[Observation]:
    names = list(bundled_episodes())
    health = Health.WELL if names else Health.BROKEN
    yield Observation(
        health, "episodes", f"{len(names)} are bundled: {', '.join(names)}" if names else "none are bundled"
    )


def _extras() -> Iterator[Observation]:
    for module, use in (("metaworld", "vlm-judge simulate"), ("torch", "training")):
        found = importlib.util.find_spec(module) is not None
        yield Observation(Health.WELL if found else Health.ABSENT, f"extra {module}", f"for {use} only")
