"""A plant that is watched: by a judge node whose model is behind an address, and by two safety stop nodes.

One stop node listens to the judge node itself. The other is far away: it hears the judge node over a link that the
tests break, and minds a camera by itself.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import rclpy
from bench import LATCHED, Bench
from judge_process import JudgeProcess
from models.remote.kinds import answered
from models.remote.misbehaving_server import Server
from plant import Plant, Wire
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from stop_process import StopProcess

from vlm_judge_ros import msg

UNKNOWN = msg.Verdict.STATE_UNKNOWN
NAMESPACE, FAR, SIMULATED = "plant", "plant_far", "plant_simulated"
FOLDER = Path(__file__).parent
HEARTBEAT_S = 1.0
VERDICT_S = 10.0
UNKNOWN_S = 4.5
CAMERA_S = 1.0
FROZEN_S = 1.0
SIGNAL_S = 1.5
OPINION_S = 2.0
HOLD_S = 0.5
DEADLINE_S = 1.5
PERIOD_S = 0.4
CALL_S = 0.2
CALLS = 3
TASK = """
name: push_button
instruction: push the button
signals:
  force: {topic: wrench, type: geometry_msgs/msg/WrenchStamped, field: wrench.force.z, unit: N, timeout_s: 1.5}
  bend: {topic: joint_states, type: sensor_msgs/msg/JointState, field: "position[elbow]", unit: rad, timeout_s: 1.5}
monitors:
  - {kind: threshold, name: force_limit, signal: force, max: 40.0, severity: critical, failure_mode: COLLISION}
"""


class Brake:
    """A service that answers, unless it hangs."""

    def __init__(self) -> None:
        self._hangs = threading.Event()
        self._idle = threading.Event()
        self._node = rclpy.create_node("brake", namespace=f"/{NAMESPACE}")
        self._node.create_service(Trigger, "brake", self._take)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()

    def _take(self, _: Any, response: Any) -> Any:
        response.success = True
        return response

    def hang(self) -> None:
        """From here on nothing is answered."""
        self._idle.clear()
        self._hangs.set()
        self._idle.wait()

    def mend(self) -> None:
        self._hangs.clear()

    def _run(self) -> None:
        while not self._ended.is_set():
            if self._hangs.is_set():
                self._idle.set()
                self._ended.wait(0.05)
            else:
                self._executor.spin_once(timeout_sec=0.05)


class Stop:
    """A stop node, and when it told the robot to stop."""

    def __init__(self, bench: Bench, namespace: str, log: Path, environment: dict[str, str], **more: object) -> None:
        given = {
            "heartbeat_timeout_s": HEARTBEAT_S,
            "verdict_timeout_s": VERDICT_S,
            "unknown_timeout_s": UNKNOWN_S,
            **more,
        }
        self._bench = bench
        self._start = lambda: StopProcess(bench, namespace, log, given, environment)
        self.commanded_s: list[float] = []
        self.node = self._start()
        bench.node.create_subscription(Bool, f"{self.node.name}/stop", self._take, LATCHED)

    def _take(self, message: Bool) -> None:
        with self._bench.news:
            if message.data:
                self.commanded_s.append(time.monotonic())
            self._bench.news.notify_all()

    def revive(self) -> None:
        """Start it anew where it has ended."""
        if self.node.process.poll() is not None:
            self.node = self._start()
            self.node.await_watching()

    def release(self) -> None:
        """Reset it as soon as nothing stands in the way."""
        while True:
            self.node.await_state(lambda state: not state.standing, "all causes to end")
            if self.node.reset().success:
                break
        self.node.await_state(lambda state: not state.stopped, "the end of the stop")
        self.commanded_s.clear()


class WatchedPlant:
    """All of it.

    Args:
        bench: the other side of all nodes.
        server: the model.
        folder: for files of the task and of the server.
        disk: folder for everything that grows: logs, and clips of failures.
    """

    def __init__(self, bench: Bench, server: Server, folder: Path, disk: Path) -> None:
        self.bench, self.server, self.disk = bench, server, disk
        self.plant = Plant(bench, NAMESPACE)
        self.brake = Brake()
        self.power_cut_s: list[float] = []
        bench.node.create_service(Trigger, f"/{NAMESPACE}/power_off", self._cut_power)
        self._driver: subprocess.Popen[str] | None = None
        self._judge_arguments = self._arguments(folder)
        self.environment = {"ROS_LOG_DIR": str(disk)}
        self.judge = self._start_judge(NAMESPACE)
        adapters: dict[str, object] = {"adapters": "[stop_topic,brake,power]"}
        for name, target in (("brake", "brake"), ("power", "power_off")):
            adapters |= {f"{name}__kind": "trigger", f"{name}__target": target}
        self.near = self.start_stop(NAMESPACE, **adapters)
        source = {"front__topic": f"/{NAMESPACE}/front/image", "front__timeout_s": CAMERA_S}
        self.far = self.start_stop(FAR, judge=f"/{NAMESPACE}/link", sources="[front]", **source)
        self._lay_link()
        self.judge.await_state("active")
        for stop in self.stops:
            stop.node.await_watching()

    @property
    def stops(self) -> tuple[Stop, ...]:
        return (self.near, self.far)

    def _arguments(self, folder: Path) -> dict[str, object]:
        task, server = folder / "push.yaml", folder / "server.yaml"
        task.write_text(TASK)
        patience = "{timeout_s: 20.0, most_retries: 0, failures_to_open: 1000, open_s: 0.1}"
        server.write_text(f"kind: other\nbase_url: {self.server.base_url}\npatience: {patience}\n")
        cameras: dict[str, object] = {}
        for name in ("front", "wrist"):
            cameras[f"{name}__topic"] = f"/{NAMESPACE}/{name}/image"
            cameras |= {f"{name}__source_timeout_s": CAMERA_S, f"{name}__frozen_s": FROZEN_S}
        judge: dict[str, object] = {"judge": "token_reward", "server": server, "prompts": "three-v1", "keyframes": 2}
        times = {
            "period_s": PERIOD_S,
            "deadline_s": DEADLINE_S,
            "failure_hold_s": HOLD_S,
            "judge_failure_hold_s": HOLD_S,
            "stall_s": 3600.0,
        }
        clips = {"evidence_folder": self.disk / "clips", "evidence_clip_mb": 1, "evidence_total_mb": 1}
        clips |= {"evidence_before_s": 1.0, "evidence_after_s": 0.5}
        return {
            "task_files": f"[{task}]",
            "auto_episode": False,
            "opinion_timeout_s": OPINION_S,
            **judge,
            **times,
            **cameras,
            **clips,
        }

    def _start_judge(self, namespace: str, **more: object) -> JudgeProcess:
        inputs = ("-r", f"joint_states:=/{NAMESPACE}/joint_states", "-r", f"wrench:=/{NAMESPACE}/wrench")
        given = {key: value for key, value in {**self._judge_arguments, **more}.items() if value is not None}
        return JudgeProcess(self.bench, namespace, self._log(f"judge_{namespace}"), inputs, given, self.environment)

    def start_stop(self, namespace: str, **more: object) -> Stop:
        return Stop(self.bench, namespace, self._log(f"stop_{namespace}"), self.environment, **more)

    def _log(self, name: str) -> Path:
        return self.disk / f"{name}.txt"

    def _cut_power(self, _: Any, response: Any) -> Any:
        self.power_cut_s.append(time.monotonic())
        response.success = True
        return response

    def _lay_link(self) -> None:
        for name, kind in (("heartbeat", msg.Heartbeat), ("failure", msg.Failure)):
            quality = QoSProfile(depth=100)
            wire = Wire(self.bench, kind, f"/{NAMESPACE}/link/{name}", quality)
            self.plant.wires[name] = wire
            self.bench.node.create_subscription(kind, f"/{NAMESPACE}/judge_node/{name}", wire.send, quality)

    def close(self) -> None:
        self.plant.close()
        self.end_driver()
        for stop in self.stops:
            stop.node.end()
        self.judge.end()
        self.brake.close()

    def mend(self) -> None:
        """Take away everything that stands in the way of working again."""
        self.end_driver()
        self.plant.mend()
        self.brake.mend()
        self.server.usual = answered
        self.server.release.set()

    def begin(self) -> None:
        """Do what a person would after a stop: start what has died, begin an episode that goes well, reset."""
        if self.judge.process.poll() is not None:
            self.judge = self._start_judge(NAMESPACE)
            self.judge.await_state("active")
        before = self.judge.begin("push the button")
        self.judge.until(
            lambda: [it for it in self.judge.verdicts[before:] if it.episode_id and it.state != UNKNOWN], "a verdict"
        )
        for stop in self.stops:
            stop.revive()
            stop.release()
        self.power_cut_s.clear()

    # What may be broken

    def worker(self) -> int | None:
        """The process of the judge's model; None while there is none."""
        children = Path(f"/proc/{self.judge.process.pid}/task")
        found = [number for file in children.glob("*/children") for number in file.read_text().split()]
        return int(found[0]) if found else None

    def signal_worker(self, number: int) -> None:
        process = self.worker()
        assert process is not None
        os.kill(process, number)

    def rest(self) -> None:
        """Let the joint rest for a while, in which cameras show that their images are never twice the same."""
        self.plant.rests = True
        self.judge.until(lambda: self.plant.rested >= 50, "the joint to have rested")

    def hand_camera_to_driver(self) -> None:
        """From now on the images of the front camera come from a process of their own."""
        topic = f"/{NAMESPACE}/front/image"
        environment = {key: value for key, value in os.environ.items() if key != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
        program = [sys.executable, str(FOLDER / "camera_driver.py"), topic, "2"]
        self._driver = subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True)
        assert self._driver.stdout is not None
        assert self._driver.stdout.readline().strip() == "heard"
        self.plant.wires["front"].cut = True

    def end_driver(self) -> None:
        if self._driver is not None:
            self._driver.kill()
            self._driver.wait()
            self._driver = None

    def fill_disk(self) -> None:
        """Leave no room for anything that grows."""
        if self.disk.is_mount():
            with (self.disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
                while True:
                    filler.write(bytes(1024))
        self._limit_files(0)

    def empty_disk(self) -> None:
        (self.disk / "filler").unlink(missing_ok=True)
        self._limit_files(None)

    def _limit_files(self, size: int | None) -> None:
        """Where there is no disk of its own to fill, the nodes may not let any file grow beyond a size."""
        for process in (self.judge.process, *(stop.node.process for stop in self.stops)):
            if not self.disk.is_mount():
                _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))

    def simulated(self) -> tuple[JudgeProcess, Stop]:
        """Another judge node on the same topics, which goes by the published clock, and the stop node beside it."""
        scripted = {"judge": "scripted_judge:create", "server": None, "prompts": None}
        judge = self._start_judge(SIMULATED, use_sim_time=True, **scripted)
        stop = self.start_stop(SIMULATED, use_sim_time=True)
        judge.await_state("active")
        return judge, stop
