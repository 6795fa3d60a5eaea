"""The messages in which a robot would tell of a gait."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from gaits import Gait


@dataclass(frozen=True)
class Recording:
    """How a gait is told.

    Attributes:
        rate_hz: messages a second, of each foot and of the pelvis.
        noise_m: standard deviation of positions.
        jitter_share: how far a message is off its time, in shares of the period.
        drop_share: share of messages that are lost.
        seed: of all that is drawn.
    """

    rate_hz: float = 100.0
    noise_m: float = 0.0
    jitter_share: float = 0.0
    drop_share: float = 0.0
    seed: int = 0

    def messages(self, gait: Gait) -> Iterator[tuple[float, dict[str, float]]]:
        """Time in seconds and signals of each message: each foot and the pelvis in their own, with their own stamps."""
        draw = random.Random(self.seed)
        period = 1.0 / self.rate_hz
        sent = []
        for part in range(3):
            for number in range(int(gait.duration_s / period)):
                time_s = (number + part / 3.0 + draw.uniform(-0.5, 0.5) * self.jitter_share) * period
                if time_s < 0.0 or draw.random() < self.drop_share:
                    continue
                sent.append((time_s, part))
        sent.sort()
        poses = gait.at(np.array([time_s for time_s, _ in sent]))
        tracks = [points.tolist() for points in (*poses.feet, poses.pelvis)]
        forces = [(200.0 * contacts).tolist() for contacts in poses.contacts]
        yaws, noise_m = poses.yaw.tolist(), self.noise_m
        for index, (time_s, part) in enumerate(sent):
            x, y, z = tracks[part][index]
            if noise_m:
                x, y, z = x + draw.gauss(0.0, noise_m), y + draw.gauss(0.0, noise_m), z + draw.gauss(0.0, noise_m)
            if part == 0:
                yield time_s, {"left_x": x, "left_y": y, "left_z": z, "left_force": forces[0][index]}
            elif part == 1:
                yield time_s, {"right_x": x, "right_y": y, "right_z": z, "right_force": forces[1][index]}
            else:
                yield time_s, {"pelvis_x": x, "pelvis_y": y, "pelvis_z": z, "yaw": yaws[index]}
