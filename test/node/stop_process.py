"""A safety stop node in a process of its own, and a stand-in for the judge node that it listens to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import LATCHED, Bench
from node_process import NodeProcess
from rclpy.qos import QoSProfile
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from vlm_judge_ros import msg

State = msg.StopState


class JudgeStandIn:
    """Sends heartbeats twenty times a second from a thread of its own, with what the test sets, until closed."""

    def __init__(self, bench: Bench, namespace: str) -> None:
        self._beats = bench.node.create_publisher(
            msg.Heartbeat, f"/{namespace}/judge_node/heartbeat", QoSProfile(depth=1)
        )
        self._failures = bench.node.create_publisher(msg.Failure, f"/{namespace}/judge_node/failure", 100)
        self.beats = True
        self.count = 0
        self.fields: dict[str, Any] = {
            "episode_id": "one",
            "state": msg.Verdict.STATE_PROGRESSING,
            "reason": "It goes on.",
        }
        self.evidence_stands = False
        self._evidence_s = time.time()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def fail(self, status: int = msg.Failure.STATUS_CONFIRMED, severity: int = msg.Failure.SEVERITY_ERROR) -> None:
        """Tell of a failure event, and repeat it in the heartbeats as long as it is confirmed."""
        confirmed = status == msg.Failure.STATUS_CONFIRMED
        self.fields["failure_mode"] = msg.Failure.MODE_OBJECT_DROPPED if confirmed else msg.Failure.MODE_NONE
        self.fields["failure_severity"] = severity if confirmed else 0
        self.fields["failure_event_id"] = 1 if confirmed else 0
        self.fields["failure_text"] = "The cup fell." if confirmed else ""
        self._failures.publish(
            msg.Failure(
                episode_id="one",
                event_id=1,
                status=status,
                mode=msg.Failure.MODE_OBJECT_DROPPED,
                code="OBJECT_DROPPED",
                severity=severity,
                text="The cup fell.",
            )
        )

    def _run(self) -> None:
        while not self._ended.wait(0.05):
            if not self.beats:
                continue
            self.count += 1
            now_s = time.time()
            if not self.evidence_stands:
                self._evidence_s = now_s
            message = msg.Heartbeat(count=self.count, **self.fields)
            for stamp, seconds in ((message.header.stamp, now_s), (message.evidence_stamp, self._evidence_s)):
                stamp.sec, stamp.nanosec = divmod(round(seconds * 1e9), 10**9)
            self._beats.publish(message)


class StopProcess(NodeProcess):
    """Starts a stop node in a namespace, and listens to it; parameters as for any node process."""

    def __init__(
        self, bench: Bench, namespace: str, log: Path, parameters: dict[str, object], variables: dict[str, str]
    ) -> None:
        self.name = f"/{namespace}/safety_stop_node"
        self.states = bench.listen(State, f"{self.name}/state", LATCHED)
        self.bools = bench.listen(Bool, f"{self.name}/stop", LATCHED)
        super().__init__(bench, "safety_stop_node", namespace, log, parameters, variables)

    def circumstances(self) -> str:
        return str(self.states[-1:])

    @property
    def state(self) -> Any:
        return self.states[-1] if self.states else None

    def await_state(self, condition: Callable[[Any], bool], what: str) -> Any:
        return self.until(lambda: self.state if self.states and condition(self.state) else None, what)

    def await_watching(self) -> None:
        """Wait until the judge node was heard."""
        self.await_state(lambda state: "not heard yet" not in state.text, "the first heartbeat to be heard")

    def await_stop(self, cause: int) -> Any:
        stopped = self.await_state(lambda state: state.stopped, f"a stop of cause {cause}")
        assert stopped.cause == cause, stopped
        return stopped

    def action(self, adapter: str) -> Any:
        """What an adapter did, as the newest state tells."""
        return (
            next((action for action in self.state.actions if action.adapter == adapter), None) if self.state else None
        )

    def await_action(self, adapter: str, state: int) -> Any:
        def found() -> Any:
            action = self.action(adapter)
            return action if action is not None and action.state == state else None

        return self.until(found, f"adapter {adapter} to be {state}")

    def reset(self) -> Any:
        return self.bench.call(Trigger, f"{self.name}/reset")

    def request_stop(self) -> Any:
        return self.bench.call(Trigger, f"{self.name}/request_stop")


StopNodes = Callable[..., StopProcess]
"""Starts a stop node with the given parameters; waits until it watches unless told otherwise."""
