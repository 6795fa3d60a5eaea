"""Steering in a loop like LeRobot's: the policy is asked for an action at every observation."""

from __future__ import annotations

from typing import Any

import numpy as np
from square_world import HORIZON, STEP_S, DrunkenPolicy, SquareJudge, SquareWorld, picture, predict

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.steering.policy import Seen, SteeredPolicy, SteeringLoop
from vlm_judge_ros.verdict.settings import CameraSettings, EngineSettings


class Policy:
    """Stands for `DiffusionPolicy.from_pretrained(...)`: it has to draw another chunk each time it is asked."""

    def __init__(self) -> None:
        self._policy = DrunkenPolicy()

    def predict_action_chunk(self, observation: dict[str, Any]) -> Any:
        """Shape (1, H, A)."""
        return self._policy.draw()[np.newaxis]

    def reset(self) -> None:
        """Nothing to forget."""


def see(observation: dict[str, Any]) -> Seen:
    """LeRobot's images are tensors (1, 3, height, width) from 0 to 1; turn them into RGB of uint8 here."""
    return Seen(observation["stamp_ns"], {"front": observation["observation.images.front"]})


def steps_to_success(k: int, most: int = 200) -> int:
    """Run one episode, and tell after how many actions it succeeded."""
    announced: list[Chunk] = []
    policy: SteeredPolicy[dict[str, Any]] = SteeredPolicy(
        Policy(),
        SquareJudge(),  # in earnest: vlm_judge_ros.judges.factory.resolve("embedded")(JudgeOptions())
        k,
        task="move the square to the right",
        see=see,
        predict=lambda observation, chunk: predict(observation["observation.state"][0], chunk),
        loop=SteeringLoop(step_s=STEP_S, execute=HORIZON, name="drunken"),
        announce=announced.append,  # in earnest: publish it on the topic `chunk`
        settings=EngineSettings(cameras=(CameraSettings("front"),)),
    )
    world = SquareWorld()
    policy.reset()
    for step in range(most):
        observation = {
            "stamp_ns": world.stamp_ns,
            "observation.images.front": picture(world.place),
            "observation.state": np.array([world.place]),
        }
        action = policy.select_action(observation)
        world.step(float(action[0, 0]))
        if world.done:
            print(f"K = {k}: done after {step + 1} actions in {len(announced)} chunks")
            return step + 1
    print(f"K = {k}: not done after {most} actions")
    return most


if __name__ == "__main__":
    for candidates in (1, 4):
        steps_to_success(candidates)
