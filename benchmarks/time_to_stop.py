"""How long it takes from a fault on the wire to the command to stop, with a real judge node and safety stop node.

    .venv/bin/python benchmarks/time_to_stop.py [--faults 200] [--json]
    .venv/bin/python benchmarks/time_to_stop.py --cpu [--turns 6] [--seconds 20] [--json]

Joint states at 1 kHz, a wrench at 500 Hz and two 640x480 cameras at 30 Hz come from other processes; the embedded judge
answers once a second. A fault is one wrench message above the limit of a declared monitor, one to two seconds after the
start of an episode. The clock runs from before that message is published until `~/stop` says true in the process that
published it. Then the episode is ended, the stop reset, and the next begins. A fault is missed where that does not
happen within 5 s. All of it is measured again without cameras. Intervals are of 95 %, from 2000 bootstrap samples.

`--cpu` measures what 1000 joint states cost the judge node, which is its share of a core at 1 kHz, without cameras:
in turn for a task without and with declared monitors, in one run of the node. The difference is what monitors cost.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from node_throughput import CAMERAS, DEPTH, HEIGHT, RATE_HZ, WIDTH, cpu_s, environment
from stop_bench import StopBench, Times, play_joints

LIMIT_P99_S = 0.1
START_S = 120.0
# From the start of an episode to its fault: the judge is asked after one second.
WAIT_S = (1.0, 2.0)
TASK = "pick up the puck and hold it at the blue target"
TASK_FILE = f"""
name: bench
instruction: {TASK}
signals:
  force: {{topic: wrench, type: geometry_msgs/msg/WrenchStamped, field: norm(wrench.force), unit: N, timeout_s: 0.0}}
  finger: {{topic: joint_states, type: sensor_msgs/msg/JointState, field: "position[joint_8]", unit: rad}}
monitors:
  - {{kind: threshold, name: contact_force, signal: force, max: 40.0, severity: critical, failure_mode: COLLISION}}
  - {{kind: threshold, name: finger_range, signal: finger, min: -1.0, max: 2.0, severity: warning}}
  - {{kind: grasp_missed, name: missed, signal: finger, open_at: 0.0, closed_at: 0.8}}
  - {{kind: object_lost, name: lost, signal: finger, open_at: 0.0, closed_at: 0.8}}
  - {{kind: stall, name: stalls}}
  - {{kind: oscillation, name: swings, amplitude_rad: 0.5}}
  - {{kind: jerk, name: jerks}}
  - {{kind: formula, name: stays_open, formula: "always (finger < 1.5)", severity: warning}}
success:
  evidence: [image_motion]
# Without cameras nothing but the fault is to stop the robot.
failure_modes:
  CAMERA_FAULT: warning
"""
BARE_TASK = "wait"
BARE_TASK_FILE = f"""
name: bare
instruction: {BARE_TASK}
success:
  evidence: [image_motion]
"""


def play_cameras() -> None:
    """Play both cameras until standard input closes: what a bundled episode shows, scaled to VGA, with grain."""
    import array
    import threading

    import cv2
    import rclpy
    from node_throughput import quality
    from sensor_msgs.msg import Image

    from vlm_judge_ros.episode.frame import Frame
    from vlm_judge_ros.replay.bag import Bag
    from vlm_judge_ros.replay.bundled import bundled_episode
    from vlm_judge_ros.replay.events import events
    from vlm_judge_ros.replay.topics import find_topics

    grain = np.random.default_rng(1)
    shown: dict[str, list[array.array[int]]] = {camera: [] for camera in CAMERAS}
    with Bag(bundled_episode("pick-place_none_900006")) as bag:
        for event in events(bag, find_topics(bag.topics)):
            if isinstance(event.content, Frame) and len(shown[event.content.camera]) < 40:
                picture = cv2.resize(event.content.image.rgb(), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
                picture = np.clip(picture + grain.normal(0.0, 4.0, picture.shape), 0, 255).astype(np.uint8)
                shown[event.content.camera].append(array.array("B", picture.tobytes()))
    rclpy.init()
    node = rclpy.create_node("cameras")
    publishers = {camera: node.create_publisher(Image, f"/{camera}/image", quality()) for camera in CAMERAS}
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    messages = {
        camera: [
            Image(height=HEIGHT, width=WIDTH, encoding="rgb8", step=3 * WIDTH, data=data)
            for data in (*pictures, *reversed(pictures))
        ]
        for camera, pictures in shown.items()
    }
    began_s, count = time.monotonic(), 0
    while not ended.is_set():
        for camera, publisher in publishers.items():
            message = messages[camera][count % len(messages[camera])]
            message.header.stamp = node.get_clock().now().to_msg()
            publisher.publish(message)
        count += 1
        ended.wait(max(0.0, began_s + count / RATE_HZ - time.monotonic()))
    rclpy.shutdown()


@contextmanager
def playing(role: str) -> Iterator[None]:
    """A process that plays something until the block ends."""
    process = subprocess.Popen([sys.executable, __file__, "--role", role], stdin=subprocess.PIPE, env=environment())
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


@contextmanager
def node(name: str, parameters: dict[str, str]) -> Iterator[int]:
    """An executable of the package until the block ends; yields its process id."""
    import vlm_judge_ros

    program = next(
        path
        for folder in Path(vlm_judge_ros.__file__).parents
        if (path := folder / "lib" / "vlm_judge_ros" / name).is_file()
    )
    command = [str(program), "--ros-args", "--log-level", f"{name}:=fatal"]
    for key, value in parameters.items():
        command += ["-p", f"{key}:={value}"]
    process = subprocess.Popen(command, env=environment())
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def judge_parameters(task_files: Sequence[Path], cameras: bool) -> dict[str, str]:
    """Parameters of the judge node."""
    parameters = {"auto_episode": "false", "task_files": f"[{', '.join(map(str, task_files))}]"}
    for camera in CAMERAS:
        parameters |= {f"{camera}.reliability": "reliable", f"{camera}.depth": str(DEPTH)}
        if not cameras:
            parameters[f"{camera}.source_timeout_s"] = "0.0"
    return parameters


def measure_stops(faults: int, cameras: bool, task_files: Sequence[Path]) -> list[Times]:
    """Let faults happen one after the other."""
    # So long that the absence of cameras, which is wanted, stops nothing.
    patience = {"unknown_timeout_s": "3600.0", "verdict_timeout_s": "3600.0"}
    chance = random.Random(faults)
    with (
        node("judge_node", judge_parameters(task_files, cameras)),
        node("safety_stop_node", patience),
        playing("joints"),
        playing("cameras") if cameras else playing("nothing"),
    ):
        bench = StopBench(START_S)
        try:
            found = []
            for index in range(faults):
                found.append(bench.fault(TASK, chance.uniform(*WAIT_S)))
                print(f"\r{index + 1} of {faults} faults", end="", file=sys.stderr, flush=True)
            print(file=sys.stderr)
            return found
        finally:
            bench.close()


def measure_cpu(turns: int, seconds: float, task_files: Sequence[Path]) -> tuple[list[float], list[float]]:
    """Processor seconds of the judge node for 1000 joint states, without and with monitors."""
    shares: dict[str, list[float]] = {BARE_TASK: [], TASK: []}
    with node("judge_node", judge_parameters(task_files, cameras=False)) as process, playing("joints"):
        bench = StopBench(START_S, stops=False)
        try:
            for _ in range(turns):
                for task, of_task in shares.items():
                    bench.start_episode(task)
                    time.sleep(1.0)
                    before, before_s = bench.await_count(), cpu_s(process)
                    time.sleep(seconds)
                    after, after_s = bench.await_count(), cpu_s(process)
                    of_task.append(1000.0 * (after_s - before_s) / (after - before))
        finally:
            bench.close()
    return shares[BARE_TASK], shares[TASK]


def quantile(values: Sequence[float], share: float) -> dict[str, object]:
    """A quantile with its interval."""
    if not values:
        return {"value": math.nan, "interval": [math.nan, math.nan], "n": 0}
    samples = np.random.default_rng(1).choice(np.asarray(values), (2000, len(values)))
    low, high = np.quantile(np.quantile(samples, share, axis=1), [0.025, 0.975])
    return {"value": float(np.quantile(values, share)), "interval": [float(low), float(high)], "n": len(values)}


def figures(found: Sequence[Times]) -> dict[str, object]:
    """What is reported of some faults."""
    parts: dict[str, Callable[[Times], float]] = {
        "wrench_to_stop": lambda it: it.stop_s,
        "wrench_to_failure": lambda it: it.failure_s,
        "failure_to_stop": lambda it: it.stop_s - it.failure_s,
    }
    report: dict[str, object] = {"faults": len(found), "missed": sum(math.isnan(it.stop_s) for it in found)}
    report["other_stops"] = sum(it.other_stops for it in found)
    for name, part in parts.items():
        values = [value for it in found if not math.isnan(value := part(it))]
        report[name] = {
            **{f"p{round(100 * share)}": quantile(values, share) for share in (0.5, 0.95, 0.99)},
            "max": max(values, default=math.nan),
        }
    return report


def print_stops(report: dict[str, dict[str, object]]) -> None:
    """For people."""
    for name, of_name in report.items():
        print(f"{name}: {of_name['faults']} faults, {of_name['missed']} missed, {of_name['other_stops']} other stops")
        for part in ("wrench_to_stop", "wrench_to_failure", "failure_to_stop"):
            cells = []
            for key, figure in of_name[part].items():  # type: ignore[attr-defined]
                if key == "max":
                    cells.append(f"max {1e3 * figure:.1f}")
                else:
                    low, high = figure["interval"]
                    cells.append(f"{key} {1e3 * figure['value']:.1f} ({1e3 * low:.1f} to {1e3 * high:.1f})")
            print(f"  {part.replace('_', ' '):18} ms: {', '.join(cells)}")
    print(f"to hold: p99 of wrench to stop <= {1e3 * LIMIT_P99_S:g} ms, none missed")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=200, help="with cameras, and as many without (default 200)")
    parser.add_argument("--cpu", action="store_true", help="measure what the judge node costs instead")
    parser.add_argument("--turns", type=int, default=6, help="of --cpu (default 6)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each turn of --cpu (default 20)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--role", choices=("cameras", "joints", "nothing"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role:
        {"cameras": play_cameras, "joints": play_joints, "nothing": sys.stdin.read}[arguments.role]()
        return 0
    os.environ.update(environment())
    load = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "bare.yaml", Path(folder) / "bench.yaml"
        for path, text in zip(files, (BARE_TASK_FILE, TASK_FILE), strict=True):
            path.write_text(text)
        if arguments.cpu:
            bare, monitored = measure_cpu(arguments.turns, arguments.seconds, files)
            more = [one - other for one, other in zip(monitored, bare, strict=True)]
            shares = {"without_monitors": bare, "with_monitors": monitored, "monitors": more}
            if arguments.json:
                print(json.dumps({**load, "seconds": arguments.seconds, "share_of_core": shares}, indent=2))
                return 0
            print(f"share of one core at 1 kHz of joint states: median (range) of {arguments.turns} turns; {load}")
            for name, values in shares.items():
                print(f"  {name:18} {statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})")
            return 0
        stops = {
            name: figures(measure_stops(arguments.faults, cameras, files))
            for name, cameras in (("with cameras", True), ("without cameras", False))
        }
    if arguments.json:
        print(json.dumps({**load, "limit_p99_s": LIMIT_P99_S, **stops}, indent=2))
    else:
        print(load)
        print_stops(stops)
    return 0


if __name__ == "__main__":
    sys.exit(main())
