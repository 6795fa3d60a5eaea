"""Steering in a loop like openpi's: the policy is asked for a chunk, which is executed before it is asked again."""

from __future__ import annotations

from typing import Any

import numpy as np
from square_world import STEP_S, DrunkenPolicy, Floats, SquareJudge, SquareWorld, picture, predict

from vlm_judge_ros.steering.policy import Seen, SteeredPolicy, SteeringLoop
from vlm_judge_ros.verdict.settings import CameraSettings, EngineSettings


class Policy:
    """Stands for `websocket_client_policy.WebsocketClientPolicy(...)`, or for a policy in this process."""

    def __init__(self) -> None:
        self._policy = DrunkenPolicy()

    def infer(self, observation: dict[str, Any]) -> dict[str, Floats]:
        """Actions of shape (H, A)."""
        return {"actions": self._policy.draw()}


def observed(world: SquareWorld) -> dict[str, Any]:
    """What the policy is given; the judge sees the same pictures."""
    return {
        "stamp_ns": world.stamp_ns,
        "observation/image": picture(world.place),
        "observation/state": np.array([world.place]),
        "prompt": "move the square to the right",
    }


def steps_to_success(k: int, most: int = 200) -> int:
    """Run one episode, and tell after how many actions it succeeded."""
    policy: SteeredPolicy[dict[str, Any]] = SteeredPolicy(
        Policy(),
        SquareJudge(),  # in earnest: vlm_judge_ros.judges.factory.resolve("embedded")(JudgeOptions())
        k,
        task="move the square to the right",
        see=lambda observation: Seen(observation["stamp_ns"], {"front": observation["observation/image"]}),
        predict=lambda observation, chunk: predict(observation["observation/state"][0], chunk),
        loop=SteeringLoop(step_s=STEP_S),
        settings=EngineSettings(cameras=(CameraSettings("front"),)),
    )
    world = SquareWorld()
    policy.reset()
    steps = 0
    while steps < most and not world.done:
        for action in policy.infer(observed(world))["actions"]:
            world.step(float(action[0]))
            steps += 1
            if world.done:
                break
    print(f"K = {k}: {'done' if world.done else 'not done'} after {steps} actions")
    return steps


if __name__ == "__main__":
    for candidates in (1, 4):
        steps_to_success(candidates)
