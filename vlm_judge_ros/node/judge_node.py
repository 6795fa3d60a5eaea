"""The judge node: a lifecycle node that wires topics, services and parameters to the engine and the judge's process."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter as RosParameter
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String

from vlm_judge_ros.episode.fault import BrokenImage, BrokenStamp, FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.camera_subscription import CameraSubscription
from vlm_judge_ros.node.declaration import refuse, unknown_names, values_of
from vlm_judge_ros.node.diagnostics import Diagnostics, InputReport
from vlm_judge_ros.node.evidence import Evidence
from vlm_judge_ros.node.geometry_inputs import GeometryInputs
from vlm_judge_ros.node.inputs import Inputs, InputTopic, input_topics
from vlm_judge_ros.node.judge_declaration import declare_all, names_in_the_shipped_file
from vlm_judge_ros.node.pace import is_in_lockstep, pace_of
from vlm_judge_ros.node.refusals import Refusals
from vlm_judge_ros.node.results import LATCHED, Results
from vlm_judge_ros.node.scoring_service import ScoringService
from vlm_judge_ros.node.services import Services
from vlm_judge_ros.node.transition import transition
from vlm_judge_ros.parameters.contradictions import contradiction, refuse_contradictions
from vlm_judge_ros.parameters.parameter import Parameter
from vlm_judge_ros.parameters.settings import (
    camera_inputs,
    engine_settings,
    judge_card,
    review_settings,
    worker_settings,
)
from vlm_judge_ros.parameters.steering import scoring_options
from vlm_judge_ros.session.asked_judge import AskedJudge
from vlm_judge_ros.session.judging import Judging, JudgingOptions
from vlm_judge_ros.steering.drawing.cameras import Cameras
from vlm_judge_ros.tasks.task_set import load_tasks

_TICK_S = 0.05
_FINDINGS_TICKS = 4
_ANNOTATION_TICKS = 4
_SIGNAL_DELAY_S = 0.2
_WARN_EVERY_S = 5.0
_KEEP_IN_LOCKSTEP = 1000


class JudgeNode(LifecycleNode):
    """Watches cameras and signals, asks the judge once per action chunk or period, and publishes what comes of it.

    Everything runs in one thread; the model runs in another process.

    Args:
        asked_to_end: tells whether loading a judge is to be given up.

    Raises:
        JudgeError: a parameter given at start cannot be used.
    """

    # rclpy sets a parameter of its own before the constructor below has come to these.
    _parameters_known: Mapping[str, Parameter] = {}
    _judging: Judging | None = None
    _evidence: Evidence | None = None

    def __init__(self, asked_to_end: Callable[[], bool] = lambda: False) -> None:
        super().__init__("judge_node")
        self._asked_to_end = asked_to_end
        self._cameras: list[CameraSubscription] = []
        self._topics: tuple[InputTopic, ...] = ()
        self._refusals = Refusals(self._warn)
        # What was made for a state, to be undone when it ends, the newest first.
        self._closers: list[Callable[[], object]] = []
        self._active_closers: list[Callable[[], object]] = []
        self._ticks = 0
        self._beats = 0
        self._parameters_known = declare_all(self)
        for name in unknown_names(self, names_in_the_shipped_file()):
            self.get_logger().warning(f"There is no parameter {name}; it is passed over. Correct the name.")
        self._diagnostics = Diagnostics(self.get_fully_qualified_name().lstrip("/"))
        self._diagnostics_publisher = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # On the steady clock: these have to go on when simulated time stands still or goes back.
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._publish_diagnostics, clock=self._steady)
        self._news = self.create_guard_condition(self._take_news)
        self._scoring = ScoringService(
            self, self._refusals, self._now_ns, lambda: float(self.get_parameter("steering_deadline_s").value)
        )

    @property
    def autostart(self) -> bool:
        """Whether to configure and activate without being asked."""
        return bool(self.get_parameter("autostart").value)

    @property
    def _current(self) -> Judging:
        assert self._judging is not None
        return self._judging

    def _warn(self, text: str) -> None:
        self.get_logger().warning(text)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    # Lifecycle

    def start(self) -> bool:
        """Configure and activate; False where one of them failed, which the log explains."""
        success = TransitionCallbackReturn.SUCCESS
        return self.trigger_configure() == success and self.trigger_activate() == success

    @transition
    def on_configure(self, state: LifecycleState) -> None:
        """Load the judges and let each answer a first question."""
        values: Mapping[str, Any] = values_of(self, self._parameters_known)
        refuse_contradictions(values)
        lockstep = is_in_lockstep(self, values)
        card = judge_card(values)
        scoring = scoring_options(values)
        tasks = load_tasks(values["task_files"])
        tasks.check_cameras(values["cameras"])
        self._topics = input_topics(self, tasks)
        deadline_s, review_deadline_s = _deadlines_s(values)
        options = JudgingOptions(deadline_s, values["auto_episode"], review_deadline_s)
        evidence = Evidence(self, values, camera_inputs(values)) if values["evidence"] else None
        results = Results(self, evidence, _KEEP_IN_LOCKSTEP if lockstep else 0)
        self._closers = [results.close] if evidence is None else [evidence.close, results.close]
        judging = Judging(
            engine_settings(values),
            worker_settings(values),
            options,
            results,
            self._news.trigger,
            review_settings(values),
            tasks,
            card,
            scoring,
        )
        self._closers.insert(0, judging.close)
        try:
            judging.wait_until_ready(lambda: not self._asked_to_end())
            if values["task"]:
                judging.set_task(values["task"], False, self._now_ns())
        except BaseException:
            self._close()
            raise
        self._judging, self._results, self._evidence = judging, results, evidence
        self._introduce("Judge", judging.judge)
        if judging.review is not None:
            self._introduce("Review", judging.review)
        self._pace = pace_of(self, judging, self._now_ns, self._beat, lockstep)
        services = Services(self, judging, self._pace, self._refusals, self._now_ns)
        task = self.create_subscription(String, "task", self._on_task, LATCHED)
        self._closers += [self._pace.close, services.close, lambda: self.destroy_subscription(task)]
        self._scoring.attach(judging, lockstep)
        _spare_from_collection()

    def _introduce(self, role: str, asked: AskedJudge) -> None:
        judge = asked.provenance
        assert judge is not None
        text = f"{role} {judge.model} runs on {judge.provider}; first answer after {asked.first_answer_s:.3f} s."
        self._results.note(text)
        if asked.status:
            self._results.note(asked.status)

    @transition
    def on_activate(self, state: LifecycleState) -> None:
        """Subscribe to the cameras and begin to judge."""
        super().on_activate(state)
        values = values_of(self, self._parameters_known)
        canvas = self._current.scoring.options.settings.canvas
        drawn_upon = canvas.cameras if canvas is not None else Cameras()
        geometry = GeometryInputs(self, drawn_upon, camera_inputs(values), self._refusals)
        self._cameras = [
            CameraSubscription(self, camera, self._take_frame, self._reject_frame) for camera in camera_inputs(values)
        ]
        inputs = Inputs(
            self,
            self._current,
            self._pace,
            self._topics,
            self._refusals,
            self._now_ns,
            self._evidence,
            reliable=bool(values["lockstep"]),
        )
        timer = self.create_timer(_TICK_S, self._tick, clock=self._steady)
        self._active_closers = [
            geometry.close,
            *(camera.close for camera in self._cameras),
            inputs.close,
            lambda: self.destroy_timer(timer),
        ]
        self._pace.begin()
        self._current.activate(self._now_ns())
        topics = ", ".join(f"{camera.camera.name} on {camera.topic}" for camera in self._cameras)
        self._results.note(f"Active; watching {topics}.")

    @transition
    def on_deactivate(self, state: LifecycleState) -> None:
        """End the running episode and unsubscribe."""
        self._cease()
        super().on_deactivate(state)

    @transition
    def on_cleanup(self, state: LifecycleState) -> None:
        """End the judge's process."""
        self.release()

    @transition
    def on_shutdown(self, state: LifecycleState) -> None:
        """Let go of everything."""
        self.release()

    @transition
    def on_error(self, state: LifecycleState) -> None:
        """Let go of everything, so that the node can be configured anew."""
        self.release()

    def release(self) -> None:
        """Cease to judge, and end the judge's process at once."""
        self._cease()
        self._close()

    def _cease(self) -> None:
        if self._judging is not None and self._judging.active:
            self._judging.deactivate(self._now_ns())
        self._cameras = []
        while self._active_closers:
            self._active_closers.pop()()

    def _close(self) -> None:
        self._scoring.detach()
        self._judging = None
        self._evidence = None
        while self._closers:
            self._closers.pop()()

    # Inputs

    def _take_frame(self, frame: Frame) -> FrameFault | None:
        self._pace.before()
        now_ns = self._now_ns()
        if self._evidence is not None:
            self._evidence.add_frame(frame, now_ns)
        fault = self._current.add_frame(frame, now_ns)
        self._pace.settle()
        self._pace.taken()
        if fault is FrameFault.UNDECODABLE:
            self._warn_of(frame.camera, frame.damage)
        return fault

    def _reject_frame(self, camera: str, error: BrokenImage | BrokenStamp) -> None:
        self._pace.before()
        self._current.reject_frame(camera, error.fault, self._now_ns())
        self._pace.settle()
        self._pace.taken()
        self._warn_of(camera, error)

    def _warn_of(self, camera: str, error: JudgeError | None) -> None:
        self.get_logger().warning(f"Camera {camera}: {error}", throttle_duration_sec=_WARN_EVERY_S)

    def _on_task(self, message: String) -> None:
        self._pace.before()
        try:
            self._current.replace_task(message.data, self._now_ns())
        except JudgeError as error:
            self._refusals.add("topic task", str(error))
        self._pace.settle()
        self._pace.taken()

    def _take_news(self) -> None:
        if self._judging is not None:
            self._pace.take_news()

    # Timers

    def _tick(self) -> None:
        self._pace.tick()
        self._beat()
        now_ns = self._now_ns()
        if self._evidence is not None:
            self._evidence.tick(now_ns)
        self._ticks += 1
        if self._ticks % _FINDINGS_TICKS == 0:
            self._results.findings(now_ns, self._current.engine)
        if self._ticks % _ANNOTATION_TICKS == 0 and self.get_parameter("annotated").value:
            self._publish_annotated()

    def _beat(self) -> None:
        if self._current.active:
            self._beats += 1
            self._results.heartbeat(self._beats, self._now_ns(), self._current.engine, self._pace.inputs)

    def _publish_annotated(self) -> None:
        frame = self._cameras[0].newest
        if frame is None or not self._results.annotated_is_watched:
            return
        try:
            self._results.annotated(frame, self._current.engine.verdict)
        except BrokenImage as error:
            self._warn_of(frame.camera, error)

    def _publish_diagnostics(self) -> None:
        state = self._state_machine.current_state[1]
        inputs = InputReport(self._topics, self._refusals)
        counts = self._evidence.counts if self._evidence is not None else None
        report = self._diagnostics.report(self._now_ns(), state, self._judging, self._cameras, inputs, counts)
        self._diagnostics_publisher.publish(report)

    # Parameters

    def set_parameters_atomically(self, parameter_list: list[RosParameter[Any]]) -> SetParametersResult:
        """Set parameters, or refuse all of them with a sentence that names the parameter, the value and the remedy."""
        # Not in a callback: rclpy asks those only after it has refused by type and range, and names no remedy.
        result = refuse(parameter_list, self._parameters_known, self._judging is not None)
        if result.successful and self._judging is not None:
            changes = {change.name: change.value for change in parameter_list}
            reason = contradiction({**values_of(self, self._parameters_known), **changes}) or _refused_task(
                self._judging, changes.get("task")
            )
            result = SetParametersResult(successful=reason is None, reason=reason or "")
        if result.successful:
            result = super().set_parameters_atomically(parameter_list)
        if result.successful and self._judging is not None:
            self._apply({change.name: change.value for change in parameter_list})
        return result

    def _apply(self, changes: Mapping[str, Any]) -> None:
        judging = self._current
        options = judging.options
        options.deadline_s, options.review_deadline_s = _deadlines_s(values_of(self, self._parameters_known))
        options.auto_episode = changes.get("auto_episode", options.auto_episode)
        if changes.get("task"):
            judging.replace_task(changes["task"], self._now_ns())


def _spare_from_collection() -> None:
    """Keep the collector of garbage from going through all that was loaded, which stops the node for 0.1 s."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _deadlines_s(values: Mapping[str, Any]) -> tuple[float, float]:
    """After how long an answer of the judge, and of the review, is late; in lockstep only where it hangs."""
    if values["lockstep"]:
        return values["hang_timeout_s"], values["hang_timeout_s"]
    return values["deadline_s"], values["review_deadline_s"]


def _refused_task(judging: Judging, task: str | None) -> str | None:
    try:
        if task:
            judging.usable_task(task)
    except JudgeError as error:
        return f"Parameter task cannot be used. {error}"
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until it is interrupted or told to terminate."""
    asked_to_end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_end.set())
    # rclpy's own handlers would close all publishers before the last verdict is out.
    rclpy.init(args=list(sys.argv if arguments is None else arguments), signal_handler_options=SignalHandlerOptions.NO)
    node: JudgeNode | None = None
    try:
        node = JudgeNode(asked_to_end.is_set)
        if node.autostart and not node.start() and not asked_to_end.is_set():
            return 1
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not asked_to_end.is_set():
            executor.spin_once(timeout_sec=_SIGNAL_DELAY_S)
    except JudgeError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if node is not None:
            node.release()
            node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
