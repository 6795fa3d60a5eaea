"""A ROS 2 node whose policy draws K chunks, asks `judge_node/score_candidates`, and announces the chosen one.

Run a judge node beside it, in an episode: `ros2 launch vlm_judge_ros judge.launch.py`. What a chunk does to the robot
is left out; in earnest its actions go to a controller where it is announced on `chunk`, with the safety stop between.
"""

from __future__ import annotations

import math

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.task import Future
from vlm_judge_ros.msg import ActionChunk, Candidate, CandidateScore
from vlm_judge_ros.srv import ScoreCandidates

HORIZON, STEP_S = 10, 0.1

Floats = NDArray[np.float64]


def draw_chunks(random: np.random.Generator, k: int) -> list[Floats]:
    """Stands for the policy: K chunks of displacements of the hand in metres, shape (10, 3)."""
    return [np.random.normal(scale=0.002, size=3) * np.ones((HORIZON, 1)) for _ in range(k)]


def candidate_of(chunk: Floats, hand: Floats, frame_id: str, stamp: Time) -> Candidate:
    """A chunk, and the path of the hand that it leads to; a world model would add pictures (`predicted_images`)."""
    message = Candidate(prior_score=math.nan)
    message.chunk = chunk_of(chunk, 1, frame_id, stamp)
    message.end_effector_path.header.frame_id = frame_id
    message.end_effector_path.header.stamp = stamp
    for place in hand + np.cumsum(chunk, axis=0):
        pose = Pose()
        pose.position.x, pose.position.y, pose.position.z = (float(value) for value in place)
        message.end_effector_path.poses.append(pose)
    message.end_effector_times_s = [STEP_S * step for step in range(1, HORIZON + 1)]
    return message


def chunk_of(actions: Floats, chunk_id: int, frame_id: str, stamp: Time) -> ActionChunk:
    """A chunk as it is announced."""
    message = ActionChunk(id=chunk_id, policy="example", horizon=HORIZON, step_s=STEP_S, certainty=math.nan)
    message.header.frame_id, message.header.stamp = frame_id, stamp
    message.action_names = ["hand_x", "hand_y", "hand_z"]
    message.actions = [float(value) for value in actions.ravel()]
    return message


def chosen_index(answer: ScoreCandidates.Response | None) -> int | None:
    """Which chunk to execute: the policy's own first one where there is no answer, or the judge abstains.

    None where the robot is to be stopped, or every chunk is forbidden: then nothing is to be executed.
    """
    if answer is None or not answer.success:
        return 0
    if answer.stopped:
        return None
    if answer.chosen >= 0:
        return int(answer.chosen)
    allowed = [int(score.index) for score in answer.scores if score.state != CandidateScore.STATE_VETOED]
    return min(allowed, default=None)


class SteeredPolicyNode(Node):
    """Decides once a chunk, and never waits in a callback."""

    def __init__(self) -> None:
        super().__init__("steered_policy")
        self._k = int(self.declare_parameter("k", 4).value or 4)
        self._frame_id = str(self.declare_parameter("frame_id", "base_link").value)
        self._deadline_s = float(self.declare_parameter("deadline_s", 0.5).value or 0.5)
        self._chunks = self.create_publisher(ActionChunk, "chunk", 10)
        self._judge = self.create_client(ScoreCandidates, "judge_node/score_candidates")
        self._random = np.random.default_rng()
        self._hand = np.array([0.4, 0.0, 0.3])
        self._chunk_id = 0
        self._asked: Future | None = None
        self._drawn: list[Floats] = []
        self.create_timer(HORIZON * STEP_S, self._decide)

    def _decide(self) -> None:
        if self._asked is not None and not self._asked.done():
            # The judge is late. Its answer would be about a moment that has passed.
            self._judge.remove_pending_request(self._asked)
            self._execute(0)
        stamp = self.get_clock().now().to_msg()
        self._drawn = draw_chunks(self._random, self._k)
        if not self._judge.service_is_ready():
            self._execute(0)
            return
        request = ScoreCandidates.Request(deadline_s=self._deadline_s)
        request.header.stamp = stamp
        request.candidates = [candidate_of(chunk, self._hand, self._frame_id, stamp) for chunk in self._drawn]
        self._asked = self._judge.call_async(request)
        self._asked.add_done_callback(self._answered)

    def _answered(self, asked: Future) -> None:
        if asked is not self._asked:
            return
        answer = asked.result()
        if answer is not None and not answer.success:
            self.get_logger().warning(answer.message, throttle_duration_sec=5.0)
        index = chosen_index(answer)
        if index is not None:
            self._execute(index)

    def _execute(self, index: int) -> None:
        """Announce a chunk; what moves the robot by it belongs here."""
        self._asked = None
        self._chunk_id += 1
        chosen, stamp = self._drawn[index], self.get_clock().now().to_msg()
        self._chunks.publish(chunk_of(chosen, self._chunk_id, self._frame_id, stamp))
        self._hand = self._hand + chosen.sum(axis=0)


def main() -> None:
    """Run the node until Ctrl-C."""
    rclpy.init()
    node = SteeredPolicyNode()
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
