"""Joint states."""

from __future__ import annotations

from dataclasses import dataclass

from vlm_judge_ros.errors import JudgeError


@dataclass(frozen=True, slots=True)
class JointSample:
    """Positions of some joints at one moment; different messages may carry different joints.

    Attributes:
        stamp_ns: header stamp.
        names: names of the joints.
        positions: rad, or m for prismatic joints; as many as names. NaN where a joint has no reading.
        velocities: rad/s, or m/s; as many as names, or empty where the message has none.
        efforts: N m, or N; as many as names, or empty where the message has none.

    Raises:
        JudgeError: names and positions, velocities or efforts differ in number.
    """

    stamp_ns: int
    names: tuple[str, ...]
    positions: tuple[float, ...]
    velocities: tuple[float, ...] = ()
    efforts: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.names) != len(self.positions):
            raise JudgeError(
                f"The joint state has {len(self.names)} names and {len(self.positions)} positions; "
                "its publisher has to send one position per name."
            )
        for what, numbers in (("velocities", self.velocities), ("efforts", self.efforts)):
            if numbers and len(numbers) != len(self.names):
                raise JudgeError(
                    f"The joint state has {len(self.names)} names and {len(numbers)} {what}; its publisher has to send "
                    "one per name, or none."
                )
