"""The kinds of stop adapters, by the names that parameters give them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of stop adapter.

    Attributes:
        answers: it is a service or an action, whose answer tells whether it was heard.
        command: what it does, for texts.
        module: module of this package that makes it.
    """

    answers: bool
    command: str
    module: str


KINDS = {
    "bool_topic": Kind(False, "publishes true as a latched std_msgs/Bool", "bool_topic"),
    "cancel_goals": Kind(True, "cancels all goals of the action", "cancel_goals"),
    "joint_trajectory": Kind(False, "holds the joints by a trajectory_msgs/JointTrajectory", "joint_trajectory"),
    "set_bool": Kind(True, "calls the std_srvs/SetBool", "set_bool"),
    "speed_scaling": Kind(False, "publishes 0 as a latched std_msgs/Float64", "speed_scaling"),
    "switch_controllers": Kind(True, "deactivates controllers of ros2_control", "switch_controllers"),
    "trigger": Kind(True, "calls the std_srvs/Trigger", "trigger"),
    "twist": Kind(False, "publishes a zero geometry_msgs/Twist", "twist"),
    "twist_stamped": Kind(False, "publishes a zero geometry_msgs/TwistStamped", "twist"),
}
