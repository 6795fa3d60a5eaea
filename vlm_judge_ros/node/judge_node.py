"""The judge node: a lifecycle node that wires topics, services and parameters to the engine and the judge's process."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter as RosParameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool

from vlm_judge_ros import msg, srv
from vlm_judge_ros.episode.fault import BrokenImage, BrokenStamp, FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.annotation import annotate
from vlm_judge_ros.node.camera_subscription import CameraSubscription
from vlm_judge_ros.node.conversion import (
    chunk_of,
    failure_message,
    joint_sample_of,
    progress_message,
    time_message,
    verdict_message,
)
from vlm_judge_ros.node.declaration import declare_all, refuse, unknown_names, values_of
from vlm_judge_ros.node.diagnostics import Diagnostics
from vlm_judge_ros.node.judging import Judging, JudgingOptions
from vlm_judge_ros.node.parameters import Parameter
from vlm_judge_ros.node.settings import camera_inputs, engine_settings, worker_settings
from vlm_judge_ros.verdict.engine import ProgressUpdate
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.verdict import State, Verdict

_TICK_S = 0.05
_SIGNAL_DELAY_S = 0.2
_ANNOTATION_TICKS = 4
_LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_SIGNALS = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)

Transition = Callable[["JudgeNode", LifecycleState], None]


def _transition(do: Transition) -> Callable[[JudgeNode, LifecycleState], TransitionCallbackReturn]:
    """Let a transition fail with the reason in the log: rclpy itself drops what a transition raises."""

    @wraps(do)
    def wrapped(node: JudgeNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            do(node, state)
        except JudgeError as error:
            node.warn(str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception as error:
            node.get_logger().error(f"{do.__name__} failed ({type(error).__name__}: {error}); this is a bug.")
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    return wrapped


class JudgeNode(LifecycleNode):
    """Watches cameras and signals, asks the judge once per action chunk or period, and publishes what comes of it.

    Args:
        asked_to_end: tells whether loading a judge is to be given up.

    Raises:
        JudgeError: a parameter given at start cannot be used.
    """

    _parameter_table: Mapping[str, Parameter] = {}
    _judging: Judging | None = None

    def __init__(self, asked_to_end: Callable[[], bool] = lambda: False) -> None:
        super().__init__("judge_node")
        self._asked_to_end = asked_to_end
        self._cameras: list[CameraSubscription] = []
        self._signals: list[Any] = []
        self._services: list[Any]
        self._configured_entities: list[Callable[[], object]] = []
        self._ticks = 0
        self._state = State.UNKNOWN
        self._parameter_table = declare_all(self)
        for name in unknown_names(self, self._parameter_table):
            self.warn(f"There is no parameter {name}; it is passed over. Correct the name.")
        self._diagnostics = Diagnostics(self.get_fully_qualified_name().lstrip("/"))
        self._diagnostics_publisher = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # On the steady clock: these have to go on when simulated time stands still or goes back.
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._publish_diagnostics, clock=self._steady)
        self._news = self.create_guard_condition(self._take_news)

    @property
    def autostart(self) -> bool:
        """Whether to configure and activate without being asked."""
        return bool(self.get_parameter("autostart").value)

    @property
    def now_ns(self) -> int:
        """The node clock."""
        return int(self.get_clock().now().nanoseconds)

    # Lifecycle

    @_transition
    def on_configure(self, state: LifecycleState) -> None:
        """Load the judge and let it answer a first question."""
        values = values_of(self, self._parameter_table)
        settings: Mapping[str, Any] = values
        options = JudgingOptions(settings["deadline_s"], settings["auto_episode"])
        judging = Judging(engine_settings(values), worker_settings(values), options, self, self._news.trigger)
        try:
            judging.wait_until_ready(lambda: not self._asked_to_end())
            if settings["task"]:
                judging.set_task(settings["task"], False, self.now_ns)
        except BaseException:
            judging.close()
            raise
        judge = judging.provenance
        assert judge is not None
        self.note(f"The judge {judge.model} runs on {judge.provider}; first answer after {judging.first_answer_s:.3f} s.")
        self._judging = judging
        self._create_interface()

    @_transition
    def on_activate(self, state: LifecycleState) -> None:
        """Subscribe to the cameras and begin to judge."""
        super().on_activate(state)
        for camera in camera_inputs(values_of(self, self._parameter_table)):
            self._cameras.append(CameraSubscription(self, camera, self._take_frame, self._reject_frame))
        self._signals = [
            self.create_subscription(JointState, "joint_states", self._on_joint_states, _SIGNALS),
            self.create_subscription(msg.ActionChunk, "chunk", self._on_chunk, 10),
        ]
        self._tick_timer = self.create_timer(_TICK_S, self._tick, clock=self._steady)
        self._current.activate(self.now_ns)

    @_transition
    def on_deactivate(self, state: LifecycleState) -> None:
        """End the running episode and unsubscribe."""
        self._cease()
        super().on_deactivate(state)

    @_transition
    def on_cleanup(self, state: LifecycleState) -> None:
        """End the judge's process."""
        self.release()

    @_transition
    def on_shutdown(self, state: LifecycleState) -> None:
        """Let go of everything."""
        self.release()

    @_transition
    def on_error(self, state: LifecycleState) -> None:
        """Let go of everything, so that the node can be configured anew."""
        self.release()

    def release(self) -> None:
        """Cease to judge, and end the judge's process at once."""
        self._cease()
        judging, self._judging = self._judging, None
        if judging is not None:
            judging.close()
        for destroy in self._configured_entities:
            destroy()
        self._configured_entities = []

    def start(self) -> bool:
        """Configure and activate; False where one of them failed, which the log explains."""
        success = TransitionCallbackReturn.SUCCESS
        return self.trigger_configure() == success and self.trigger_activate() == success

    @property
    def _current(self) -> Judging:
        assert self._judging is not None
        return self._judging

    def _cease(self) -> None:
        if self._judging is not None and self._judging.active:
            self._judging.deactivate(self.now_ns)
            self.destroy_timer(self._tick_timer)
        for camera in self._cameras:
            camera.close()
        for subscription in self._signals:
            self.destroy_subscription(subscription)
        self._cameras, self._signals = [], []

    def _create_interface(self) -> None:
        publishers = (
            (msg.Progress, "~/progress", QoSProfile(depth=10)),
            (msg.Failure, "~/failure", QoSProfile(depth=100)),
            (msg.Verdict, "~/verdict", _LATCHED),
            (CompressedImage, "~/annotated/compressed", QoSProfile(depth=2)),
        )
        made = [self.create_lifecycle_publisher(kind, topic, quality) for kind, topic, quality in publishers]
        self._progress, self._failure, self._verdict, self._annotated = made
        services = [
            self.create_service(srv.SetTask, "~/set_task", self._on_set_task),
            self.create_service(srv.StartEpisode, "~/start_episode", self._on_start_episode),
            self.create_service(srv.EndEpisode, "~/end_episode", self._on_end_episode),
            self.create_service(SetBool, "~/enable", self._on_enable),
        ]
        task = self.create_subscription(String, "task", self._on_task, _LATCHED)
        self._configured_entities = [
            *(lambda publisher=publisher: self.destroy_lifecycle_publisher(publisher) for publisher in made),
            *(lambda service=service: self.destroy_service(service) for service in services),
            lambda: self.destroy_subscription(task),
        ]

    # Outlet of Judging

    def progress(self, update: ProgressUpdate) -> None:
        """Publish what the judge alone says."""
        self._progress.publish(progress_message(update))

    def failure(self, event: FailureEvent) -> None:
        """Publish a failure event."""
        self._failure.publish(failure_message(event))
        self.note(f"Failure {event.event_id} {event.status.name}: {event.mode.name}. {event.text}")

    def verdict(self, verdict: Verdict) -> None:
        """Publish a verdict, and log it where its state is another one."""
        self._verdict.publish(verdict_message(verdict))
        if verdict.state is not self._state:
            self._state = verdict.state
            self.note(f"{verdict.state.name}: {verdict.reason}")

    def note(self, text: str) -> None:
        """Log for a person."""
        self.get_logger().info(text)

    def warn(self, text: str) -> None:
        """Log for a person who has to act."""
        self.get_logger().warning(text)

    # Inputs

    def _take_frame(self, frame: Frame) -> FrameFault | None:
        return self._current.add_frame(frame, self.now_ns)

    def _reject_frame(self, camera: str, error: BrokenImage | BrokenStamp) -> None:
        self._current.reject_frame(camera, error, self.now_ns)
        self.get_logger().warning(f"Camera {camera}: {error}", throttle_duration_sec=5.0)

    def _on_joint_states(self, message: JointState) -> None:
        try:
            self._current.add_joint_state(joint_sample_of(message))
        except JudgeError as error:
            self.get_logger().warning(f"joint_states: {error}", throttle_duration_sec=5.0)

    def _on_chunk(self, message: msg.ActionChunk) -> None:
        try:
            self._current.add_chunk(chunk_of(message))
        except JudgeError as error:
            self.get_logger().warning(f"chunk: {error}", throttle_duration_sec=5.0)

    def _on_task(self, message: String) -> None:
        try:
            self._current.replace_task(message.data, self.now_ns)
        except JudgeError as error:
            self.warn(f"task: {error}")

    def _take_news(self) -> None:
        if self._judging is not None and self._judging.provenance is not None:
            self._judging.take_news(self.now_ns)

    # Timers

    def _tick(self) -> None:
        self._current.tick(self.now_ns)
        self._ticks += 1
        if self._ticks % _ANNOTATION_TICKS == 0 and self.get_parameter("annotated").value:
            self._publish_annotated()

    def _publish_annotated(self) -> None:
        frame = self._cameras[0].newest
        if frame is None or not self._annotated.get_subscription_count():
            return
        try:
            jpeg = annotate(frame.image.rgb(), self._current.engine.verdict)
        except BrokenImage as error:
            self.get_logger().warning(f"Camera {frame.camera}: {error}", throttle_duration_sec=5.0)
            return
        message = CompressedImage(format="jpeg", data=jpeg)
        message.header.stamp = time_message(frame.stamp_ns)
        self._annotated.publish(message)

    def _publish_diagnostics(self) -> None:
        state = self._state_machine.current_state[1]
        self._diagnostics_publisher.publish(self._diagnostics.report(self.now_ns, state, self._judging, self._cameras))

    # Services

    def _on_set_task(self, request: Any, response: Any) -> Any:
        def act() -> str:
            self._current.set_task(request.task, request.restart, self.now_ns)
            return f"The task is: {self._current.task}"

        return self._answer(response, act)

    def _on_start_episode(self, request: Any, response: Any) -> Any:
        def act() -> str:
            response.episode_id = self._current.start_episode(request.episode_id, request.task, self.now_ns)
            return f"Episode {response.episode_id} runs."

        return self._answer(response, act)

    def _on_end_episode(self, request: Any, response: Any) -> Any:
        def act() -> str:
            verdict = self._current.end_episode(request.episode_id, self.now_ns)
            response.verdict = verdict_message(verdict)
            return f"Episode {verdict.episode_id} has ended."

        return self._answer(response, act)

    def _on_enable(self, request: Any, response: Any) -> Any:
        def act() -> str:
            self._current.enable(request.data, self.now_ns)
            return f"Judging is switched {'on' if request.data else 'off'}."

        return self._answer(response, act)

    def _answer(self, response: Any, act: Callable[[], str]) -> Any:
        try:
            response.message, response.success = act(), True
        except JudgeError as error:
            response.message, response.success = str(error), False
        return response

    # Parameters

    def set_parameters_atomically(self, parameter_list: list[RosParameter]) -> SetParametersResult:
        """Set parameters, or refuse all of them with a sentence that names the parameter, the value and the remedy."""
        # Here and not in a callback: rclpy asks callbacks only after it has refused by type and range, without a remedy.
        result = refuse(parameter_list, self._parameter_table, self._judging is not None)
        if not result.successful:
            return result
        result = super().set_parameters_atomically(parameter_list)
        if result.successful and self._judging is not None:
            return self._apply({change.name: change.value for change in parameter_list})
        return result

    def _apply(self, changes: Mapping[str, Any]) -> SetParametersResult:
        judging = self._current
        judging.options.deadline_s = changes.get("deadline_s", judging.options.deadline_s)
        judging.options.auto_episode = changes.get("auto_episode", judging.options.auto_episode)
        if changes.get("task"):
            judging.replace_task(changes["task"], self.now_ns)
        return SetParametersResult(successful=True)


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
