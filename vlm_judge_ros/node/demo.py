"""`vlm-judge demo`: recorded episodes through the real judge node, at the pace at which they happened."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.demo_screen import Screen
from vlm_judge_ros.node.live_replay import Watcher, replay_live
from vlm_judge_ros.node.own_network import own_ros_network
from vlm_judge_ros.node.player import FASTEST
from vlm_judge_ros.parameters.judge_node import DEFAULT_CAMERAS, parameters_for
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.bundled import bundled_episode, bundled_episodes, demo_episodes
from vlm_judge_ros.replay.headline import headline
from vlm_judge_ros.replay.recording import Recording
from vlm_judge_ros.replay.report import write_report
from vlm_judge_ros.replay.summary import EpisodeSummary, Summary
from vlm_judge_ros.replay.trace import EpisodeTrace

DEFAULT_REPORT = Path("vlm_judge_demo") / "report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge demo`."""
    parser.add_argument(
        "--episode",
        action="append",
        default=[],
        metavar="NAME",
        help="a bundled episode, may be repeated (default: one success and one failure; `list` names all)",
    )
    parser.add_argument(
        "--bag", action="append", default=[], type=Path, metavar="PATH", help="a recorded bag, may be repeated"
    )
    parser.add_argument(
        "--camera",
        action="append",
        default=[],
        metavar="NAME=TOPIC",
        help="camera of the bags, may be repeated (default: every topic with images)",
    )
    parser.add_argument("--task", default="", help="the instruction, where a bag does not hold it")
    parser.add_argument("--rate", type=_rate, default=1.0, help="seconds of the episode per second (default: 1)")
    parser.add_argument(
        "--judge",
        default="embedded",
        metavar="NAME",
        help="a judge as the parameter of that name has it; what it needs is told by --set (default: embedded)",
    )
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="append all exchanges with servers to this file, without keys; short for --set record=FILE",
    )
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="FILE",
        help="let this file answer in the place of the servers; short for --set replay=FILE",
    )
    parser.add_argument(
        "--set",
        dest="parameters",
        action="append",
        default=[],
        type=_parameter,
        metavar="NAME=VALUE",
        help="a parameter of the judge node, may be repeated",
    )
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_REPORT, metavar="FILE", help=f"the report (default: {DEFAULT_REPORT})"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout, all else on stderr")


def run(arguments: argparse.Namespace) -> int:
    """Judge the episodes one after the other and write the report; return the exit status.

    Raises:
        JudgeError: an episode cannot be read or judged, or the report cannot be written.
    """
    console = Console(stderr=arguments.json, highlight=False, soft_wrap=True)
    if arguments.episode == ["list"]:
        console.print("\n".join(bundled_episodes()) or "No episodes are bundled.")
        return 0
    cameras = _cameras(arguments.camera)
    bags = _bags(arguments.episode, arguments.bag)
    files = {"record": arguments.record, "replay": arguments.replay}
    given = {name: str(path.absolute()) for name, path in files.items() if path is not None}
    parameters = {"judge": arguments.judge, **given, **dict(arguments.parameters)}
    traces = []
    with _ended_by_sigterm(), own_ros_network() as domain_id:
        for index, path in enumerate(bags, start=1):
            with Bag(path) as bag:
                recording = Recording.read(bag, arguments.task, cameras)
                console.print(f"\nEpisode {index} of {len(bags)}: {recording.name}", style="bold", markup=False)
                console.print(f"  {recording.duration_s:.1f} s, task: {recording.task}", markup=False)
                traces.append(_judge(console, bag, recording, arguments.rate, parameters, domain_id))
                console.print(headline(traces[-1]), style="bold", markup=False)
    report = write_report(traces, arguments.out)
    console.print(f"\nReport: {report}", markup=False)
    if arguments.json:
        summary = Summary(episodes=[EpisodeSummary.of(trace) for trace in traces], report=report)
        print(summary.model_dump_json(), flush=True)
    return 0


def _judge(
    console: Console, bag: Bag, recording: Recording, rate: float, parameters: Mapping[str, str], domain_id: int
) -> EpisodeTrace:
    with Screen(console, recording.duration_s) as screen:
        watcher = Watcher(
            on_ready=screen.ready,
            on_time=screen.played,
            on_news=screen.show,
        )
        return replay_live(
            bag, recording, watcher, threading.Event(), rate=rate, parameters=parameters, domain_id=domain_id
        )


def _rate(text: str) -> float:
    rate = float(text)
    if not 0.0 < rate <= FASTEST:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most {FASTEST:g}")
    return rate


def _parameter(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or name not in parameters_for(DEFAULT_CAMERAS):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE with a parameter of the judge node")
    return name, value


def _bags(episodes: Sequence[str], bags: Sequence[Path]) -> list[Path]:
    if not episodes and not bags:
        return [bundled_episode(name) for name in demo_episodes()]
    return [bundled_episode(name) for name in episodes] + list(bags)


def _cameras(words: Sequence[str]) -> Mapping[str, str] | None:
    cameras = {}
    for word in words:
        camera, separator, topic = word.partition("=")
        if not separator or not camera or not topic:
            raise JudgeError(f"--camera {word!r} is not of the form NAME=TOPIC; write for example front=/cam0/image.")
        cameras[camera] = topic
    return cameras or None


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does, so that the node is ended too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
