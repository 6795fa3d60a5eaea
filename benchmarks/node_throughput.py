"""What two 640x480 cameras at 30 Hz cost: a bare rclpy subscriber and the judge node, in turn, several times.

    .venv/bin/python benchmarks/node_throughput.py [--turns 6] [--seconds 20] [--json]

For each: frames that were sent and lost, the time from stamp to callback (bare subscriber) or to buffer (node), and the
share of one core, from the kernel's count of the process. The model runs in a process of its own and is not counted.
The node's percentiles are those of its diagnostics: over the last 300 frames of a camera, the worse of the two.
Figures are medians over the turns with their range, which holds the true median with a probability of
1 - 2 ** (1 - turns): 97 % with six turns.
"""

from __future__ import annotations

import argparse
import array
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

CAMERAS = ("front", "wrist")
WIDTH, HEIGHT, RATE_HZ = 640, 480, 30.0
WARM_UP_S = 3.0
START_S = 120.0
DEPTH = 30
LIMITS = {"lost": 0, "p99_beyond_bare_ms": 15.0, "share_of_core": 0.35}


def quality():  # type: ignore[no-untyped-def]
    """Quality of service of all publishers and subscriptions."""
    from rclpy.qos import QoSProfile, ReliabilityPolicy

    return QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.RELIABLE)


def publish(seconds: float) -> None:
    """Play both cameras; prints the number of frames of each."""
    import rclpy
    from sensor_msgs.msg import Image

    rclpy.init()
    node = rclpy.create_node("cameras")
    publishers = [node.create_publisher(Image, f"/{camera}/image", quality()) for camera in CAMERAS]
    while any(publisher.get_subscription_count() == 0 for publisher in publishers):
        time.sleep(0.05)
    message = Image(height=HEIGHT, width=WIDTH, encoding="rgb8", step=3 * WIDTH)
    message.data = array.array("B", os.urandom(3 * WIDTH * HEIGHT))
    began, count = time.monotonic(), 0
    while count < seconds * RATE_HZ:
        for publisher in publishers:
            message.header.stamp = node.get_clock().now().to_msg()
            publisher.publish(message)
        count += 1
        time.sleep(max(0.0, began + count / RATE_HZ - time.monotonic()))
    print(count, flush=True)
    time.sleep(2.0)  # until what is on its way has arrived
    rclpy.shutdown()


def subscribe() -> None:
    """Do nothing with the images but count them; prints counts and delays when standard input closes."""
    import threading

    import rclpy
    from sensor_msgs.msg import Image

    rclpy.init()
    node = rclpy.create_node("bare_subscriber")
    delays: list[float] = []

    def on_image(message: Image) -> None:
        delays.append(time.time() - message.header.stamp.sec - message.header.stamp.nanosec * 1e-9)

    for camera in CAMERAS:
        node.create_subscription(Image, f"/{camera}/image", on_image, quality())
    threading.Thread(target=lambda: (sys.stdin.read(), rclpy.shutdown()), daemon=True).start()
    print("ready", flush=True)
    try:
        rclpy.spin(node)
    except Exception:
        if rclpy.ok():
            raise
    delays.sort()
    middle, last = (delays[int(share * len(delays))] for share in (0.5, 0.99))
    print(json.dumps({"received": len(delays), "p50_ms": 1e3 * middle, "p99_ms": 1e3 * last}), flush=True)


def cpu_s(process: int) -> float:
    """Processor seconds of a process so far, without those of its children."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def play(seconds: float, process: int) -> tuple[int, float]:
    """Let the cameras play; returns the frames that were sent and the share of a core that `process` took meanwhile."""
    player = subprocess.Popen(
        [sys.executable, __file__, "--role", "publish", "--seconds", str(seconds + WARM_UP_S)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert player.stdout is not None
    time.sleep(2 * WARM_UP_S)
    before, began = cpu_s(process), time.monotonic()
    sent = int(player.stdout.readline())
    share = (cpu_s(process) - before) / (time.monotonic() - began)
    player.wait()
    return sent * len(CAMERAS), share


def environment() -> dict[str, str]:
    """Environment of the processes: the shipped profile, and nobody else to be heard."""
    from vlm_judge_ros.node.dds_profile import dds_profile, profile_variable

    variables = {key: value for key, value in os.environ.items() if key != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
    variables.setdefault("ROS_DOMAIN_ID", str(os.getpid() % 101 + 1))
    variables.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    variables[profile_variable()] = str(dds_profile())
    return variables


def measure_bare(seconds: float) -> dict[str, float]:
    """The bare subscriber."""
    subscriber = subprocess.Popen(
        [sys.executable, __file__, "--role", "subscribe"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert subscriber.stdout is not None
    subscriber.stdout.readline()
    sent, share = play(seconds, subscriber.pid)
    figures = json.loads(subscriber.communicate()[0])
    return {"sent": sent, "lost": sent - figures.pop("received"), **figures, "share_of_core": share}


def measure_node(seconds: float, judge_name: str) -> dict[str, float]:
    """The judge node, asked once a second, as its own diagnostics and the kernel see it."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray

    import vlm_judge_ros

    program = next(
        path
        for folder in Path(vlm_judge_ros.__file__).parents
        if (path := folder / "lib" / "vlm_judge_ros" / "judge_node").is_file()
    )
    command = [str(program), "--ros-args", "-p", "task:=pick up the cube", "-p", f"judge:={judge_name}"]
    command += ["--log-level", "judge_node:=error"]
    for camera in CAMERAS:
        command += ["-p", f"{camera}.reliability:=reliable", "-p", f"{camera}.depth:={DEPTH}"]
    judge = subprocess.Popen(command, env=environment())
    os.environ.update(environment())
    rclpy.init()
    observer = rclpy.create_node("observer")
    values: dict[str, dict[str, str]] = {}
    oldest = time.time()

    def on_report(message: DiagnosticArray) -> None:
        # Reports wait here while the cameras play.
        for status in message.status if message.header.stamp.sec > oldest else ():
            values[status.name] = {entry.key: entry.value for entry in status.values}

    observer.create_subscription(DiagnosticArray, "/diagnostics", on_report, 10)

    def wait_until(ready) -> None:  # type: ignore[no-untyped-def]
        end = time.monotonic() + START_S
        while not ready():
            if judge.poll() is not None or time.monotonic() > end:
                raise SystemExit("The judge node did not come up; start it by hand to see why.")
            rclpy.spin_once(observer, timeout_sec=0.2)

    try:
        wait_until(lambda: values.get("judge_node: episode", {}).get("lifecycle state") == "active")
        sent, share = play(seconds, judge.pid)
        oldest = time.time()
        values.clear()
        wait_until(lambda: "judge_node: camera wrist" in values)
        cameras = [values[f"judge_node: camera {camera}"] for camera in CAMERAS]
        return {
            "sent": sent,
            "lost": sent - sum(int(camera["frames used"]) for camera in cameras),
            "p50_ms": max(float(camera["stamp to buffer p50 (ms)"]) for camera in cameras),
            "p99_ms": max(float(camera["stamp to buffer p99 (ms)"]) for camera in cameras),
            "share_of_core": share,
            "answers": int(values["judge_node: judge"]["answered"]),
        }
    finally:
        judge.terminate()
        judge.wait()
        observer.destroy_node()
        rclpy.shutdown()


def in_words(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def main() -> int:
    """Measure both and print them side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=6, help="how often each is measured (default 6)")
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds of images that are measured (default 20)")
    parser.add_argument("--judge", default="embedded", help="the node's parameter judge (default embedded)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--role", choices=("publish", "subscribe"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role == "publish":
        publish(arguments.seconds)
        return 0
    if arguments.role == "subscribe":
        subscribe()
        return 0
    load = os.getloadavg()[0]
    bare, node = [], []
    for _ in range(arguments.turns):
        bare.append(measure_bare(arguments.seconds))
        node.append(measure_node(arguments.seconds, arguments.judge))
    beyond = [one["p99_ms"] - other["p99_ms"] for one, other in zip(node, bare, strict=True)]
    report = {
        "seconds": arguments.seconds,
        "cores": os.cpu_count(),
        "load_before": load,
        "bare_subscriber": bare,
        "judge_node": node,
        "p99_beyond_bare_ms": beyond,
        "limits": LIMITS,
    }
    if arguments.json:
        print(json.dumps(report, indent=2))
        return 0
    print(f"{arguments.seconds:g} s of two cameras, {WIDTH}x{HEIGHT} rgb8 at {RATE_HZ:g} Hz, reliable, depth {DEPTH}")
    print(f"{os.cpu_count()} cores, load {load:.1f} before the first of {arguments.turns} turns")
    print(f"{'':18}{'sent':>8}{'lost':>8}{'p50 ms':>22}{'p99 ms':>22}{'core':>24}")
    for name, turns in (("bare subscriber", bare), ("judge node", node)):
        sent, lost = (sum(turn[figure] for turn in turns) for figure in ("sent", "lost"))
        cells = [in_words([turn[figure] for turn in turns]) for figure in ("p50_ms", "p99_ms", "share_of_core")]
        print(f"{name:18}{sent:8}{lost:8}{cells[0]:>22}{cells[1]:>22}{cells[2]:>24}")
    answers = sum(turn["answers"] for turn in node)
    print(f"p99 beyond the bare subscriber: {in_words(beyond)} ms; answers: {answers}")
    print(
        f"to hold: lost {LIMITS['lost']}, p99 beyond {LIMITS['p99_beyond_bare_ms']} ms, core {LIMITS['share_of_core']}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
