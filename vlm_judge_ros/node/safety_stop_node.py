"""The safety stop node: stops the robot when a failure is confirmed, when what watches it falls silent, or on request.

It is no certified safety device, and stands beside an emergency stop, never in the place of one.
"""

from __future__ import annotations

import importlib
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from vlm_judge_ros import msg
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.declaration import declare, refuse, unknown_names, values_of
from vlm_judge_ros.node.stop_adapters.adapter import StopAdapter, make_adapter
from vlm_judge_ros.node.stop_adapters.latched import LATCHED
from vlm_judge_ros.node.stop_commands import StopCommands
from vlm_judge_ros.node.stop_messages import failure_of, heartbeat_of, state_message
from vlm_judge_ros.node.stop_parameters import parameters_for
from vlm_judge_ros.node.stop_settings import SourceSettings, StopNodeSettings, plan_of, stop_node_settings
from vlm_judge_ros.parameters.parameter import Parameter
from vlm_judge_ros.safety.cause import Moment
from vlm_judge_ros.safety.escalation import Action, ActionState
from vlm_judge_ros.safety.guard import Guard, ResetRefused, Stop
from vlm_judge_ros.safety.settings import WatchSettings

_TICK_S = 0.05
_STATE_TICKS = 20
_COMMAND_TICK_S = 0.02
_SIGNAL_DELAY_S = 0.2
_HEARTBEATS = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
_FAILURES = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
_SOURCES = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
_DISCLAIMER = "This node is not a certified safety device: keep an emergency stop within reach."


class SafetyStopNode(Node):
    """Listens to a judge node and to named sources, and commands stop adapters. Everything runs in one thread.

    Raises:
        JudgeError: a parameter given at start cannot be used.
    """

    # rclpy sets parameters of its own before the constructor below has come to these.
    _parameters_known: Mapping[str, Parameter] = {}

    def __init__(self) -> None:
        super().__init__("safety_stop_node")
        self._settings = self._declare()
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        judge = self.resolve_topic_name(self._settings.judge)
        sources = {self.resolve_topic_name(source.topic): source for source in self._settings.sources}
        watch = WatchSettings(
            judge=judge,
            stop_severity=self._settings.stop_severity,
            heartbeat_timeout_s=self._settings.heartbeat_timeout_s,
            verdict_timeout_s=self._settings.verdict_timeout_s,
            unknown_timeout_s=self._settings.unknown_timeout_s,
            require_judge_at_start=self._settings.require_judge_at_start,
            startup_grace_s=self._settings.startup_grace_s,
            source_timeouts_s={topic: source.timeout_s for topic, source in sources.items()},
        )
        self._targets = {adapter.name: self.resolve_topic_name(adapter.target) for adapter in self._settings.adapters}
        self._plans = [plan_of(adapter) for adapter in self._settings.adapters]
        self._commands = StopCommands(
            self._adapters(), self._plans, self._steady_ns, self.get_logger(), self._guarded(self._tell)
        )
        self._state = self.create_publisher(msg.StopState, "~/state", LATCHED)
        self._ticks = 0
        self._standing: tuple[object, ...] = ()
        self._guard = Guard(watch, self._now())
        self.create_subscription(msg.Heartbeat, f"{judge}/heartbeat", self._guarded(self._on_heartbeat), _HEARTBEATS)
        self.create_subscription(msg.Failure, f"{judge}/failure", self._guarded(self._on_failure), _FAILURES)
        for topic, source in sources.items():
            self._listen(topic, source)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.create_service(Trigger, "~/request_stop", self._on_request)
        # On the steady clock: silence has to be noticed when simulated time stands still or goes back.
        self.create_timer(_TICK_S, self._guarded(self._tick), clock=self._steady)
        # Looks for overdue answers; only while a stop holds.
        self._command_timer = self.create_timer(_COMMAND_TICK_S, self._guarded(self._attend), clock=self._steady)
        self._command_timer.cancel()
        self._introduce(judge, list(sources))
        if self._settings.start_stopped:
            name, now = self.get_fully_qualified_name(), self._now()
            self._act(self._guard.request(name, "The node starts stopped; call ~/reset when the robot may move.", now))
        self._tell()

    # What it is made of

    def _declare(self) -> StopNodeSettings:
        general = parameters_for((), ())
        declare(self, general.values())
        lists = values_of(self, ("sources", "adapters"))
        sources, adapters = lists["sources"], lists["adapters"]
        assert isinstance(sources, tuple) and isinstance(adapters, tuple)
        known = parameters_for(sources, adapters)
        declare(self, [entry for name, entry in known.items() if name not in general])
        for name in unknown_names(self, known):
            self.get_logger().warning(f"There is no parameter {name}; it is passed over. Correct the name.")
        settings = stop_node_settings(values_of(self, known))
        self._parameters_known = known
        return settings

    def _adapters(self) -> dict[str, StopAdapter]:
        """The adapters by name; none where nothing is to be commanded."""
        if self._settings.observes:
            return {}
        adapters = {}
        for settings in self._settings.adapters:
            try:
                adapters[settings.name] = make_adapter(self, settings)
            except JudgeError as error:
                raise JudgeError(f"Adapter {settings.name} cannot be used. {error}") from error
        return adapters

    def _listen(self, topic: str, source: SourceSettings) -> None:
        package, _, name = source.type.split("/")
        try:
            kind = getattr(importlib.import_module(f"{package}.msg"), name)
        except (ImportError, AttributeError) as error:
            raise JudgeError(
                f"Source {topic} has messages of type {source.type}, which is not installed ({error}); correct the "
                "parameter, or install and source its package."
            ) from error
        # Undecoded: only that something came matters, and an image costs nothing so.
        heard = self._guarded(lambda _: self._guard.add_source(topic, self._now()))
        self.create_subscription(kind, topic, heard, _SOURCES, raw=True)

    def _introduce(self, judge: str, sources: Sequence[str]) -> None:
        logger = self.get_logger()
        logger.warning(_DISCLAIMER)
        watched = ", ".join([judge, *sources])
        severity = self._settings.stop_severity.name
        logger.info(f"Watches {watched}; a failure of severity {severity} or worse stops the robot.")
        would = "would, were it not in mode observe," if self._settings.observes else "will"
        for adapter in self._settings.adapters:
            target = self._targets[adapter.name]
            logger.info(f"To stop, adapter {adapter.name} {would} command {target}: it {adapter.of_kind.command}.")

    def release(self) -> None:
        """Cease to command. What was stopped stays stopped, and nothing is released."""
        self._commands.end(release=False)

    def stop_for_a_bug(self, error: Exception) -> None:
        """Stop because the node itself failed: it can no longer be relied upon."""
        text = f"The safety stop node failed ({type(error).__name__}: {error}); this is a bug."
        self.get_logger().error(text, throttle_duration_sec=1.0)
        self._act(self._guard.request(self.get_fully_qualified_name(), text, self._now()))

    # Inputs

    def _on_heartbeat(self, message: Any) -> None:
        self._act(self._guard.add_heartbeat(heartbeat_of(message), self._now()))

    def _on_failure(self, message: Any) -> None:
        self._act(self._guard.add_failure(failure_of(message), self._now()))

    def _on_request(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        name = f"{self.get_fully_qualified_name()}/request_stop"
        stop = self._guard.request(name, f"Somebody called {name}.", self._now())
        self._act(stop)
        response.success = not self._settings.observes
        if self._settings.observes:
            response.message = "Noted; in mode observe nothing is commanded."
        else:
            response.message = "The robot is being stopped." if stop is not None else "The robot is stopped already."
        return response

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        logger = self.get_logger()
        self._act(self._guard.check(self._now()))
        try:
            stop = self._guard.reset(self._now())
        except ResetRefused as error:
            response.success, response.message = False, str(error)
            logger.warning(f"Reset refused. {error}")
            return response
        # Also where nothing was stopped: a node that ran before may have left the robot stopped.
        self._commands.end(release=True)
        self._command_timer.cancel()
        response.success = True
        response.message = (
            "Nothing was stopped." if stop is None else f"Reset. The robot was stopped because: {stop.text}"
        )
        logger.warning(f"Reset by ~/reset; {'nothing was stopped' if stop is None else f'stop {stop.number} is over'}.")
        self._tell()
        return response

    # Decisions

    def _act(self, stop: Stop | None) -> None:
        """Command first; the log and the message come after."""
        if stop is None:
            return
        if self._settings.observes:
            self.get_logger().error(f"Would stop the robot (stop {stop.number}): {stop.text}")
        else:
            self._commands.begin()
            self._command_timer.reset()
            self.get_logger().error(f"STOP {stop.number}: {stop.text}")
        self._tell()

    def _tick(self) -> None:
        now = self._now()
        self._act(self._guard.check(now))
        standing = tuple((reason.cause, reason.source) for reason in self._guard.standing(now))
        self._ticks += 1
        if standing != self._standing or self._ticks % _STATE_TICKS == 0:
            self._tell()

    def _attend(self) -> None:
        if self._commands.check():
            self._tell()

    def _tell(self) -> None:
        """Publish the state, and log what the adapters did."""
        now = self._now()
        standing = self._guard.standing(now)
        self._standing = tuple((reason.cause, reason.source) for reason in standing)
        actions = self._observed() if self._settings.observes else self._commands.actions
        message = state_message(
            self._settings.observes,
            self._guard.stop,
            self._guard.stops,
            standing,
            actions,
            self._targets,
            f"Not stopped. {_DISCLAIMER}"
            if self._guard.judge_was_heard
            else "Not stopped; the judge node was not heard yet.",
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._state.publish(message)
        self._commands.log()

    def _observed(self) -> list[Action]:
        if self._guard.stop is None:
            return []
        commands = [adapter.of_kind.command for adapter in self._settings.adapters]
        return [
            Action(plan, ActionState.OBSERVED, text=f"Mode observe; in mode stop it {command}.")
            for plan, command in zip(self._plans, commands, strict=True)
        ]

    def _guarded(self, callback: Callable[..., Any]) -> Callable[..., None]:
        """A callback that stops the robot where it fails, and never ends the node."""

        @wraps(callback)
        def wrapped(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception as error:
                self.stop_for_a_bug(error)

        return wrapped

    # Clocks and parameters

    def _steady_ns(self) -> int:
        return int(self._steady.now().nanoseconds)

    def _now(self) -> Moment:
        return Moment(self._steady_ns(), int(self.get_clock().now().nanoseconds))

    def set_parameters_atomically(self, parameter_list: list[RosParameter[Any]]) -> SetParametersResult:
        """Refuse to change what was set at start: nobody on the network talks the node out of a stop."""
        result = refuse(parameter_list, self._parameters_known, configured=True)
        return super().set_parameters_atomically(parameter_list) if result.successful else result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until it is interrupted or told to terminate."""
    asked_to_end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_end.set())
    rclpy.init(args=list(sys.argv if arguments is None else arguments), signal_handler_options=SignalHandlerOptions.NO)
    node: SafetyStopNode | None = None
    try:
        node = SafetyStopNode()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not asked_to_end.is_set():
            try:
                executor.spin_once(timeout_sec=_SIGNAL_DELAY_S)
            except Exception as error:  # such as a message that cannot be decoded
                node.stop_for_a_bug(error)
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
