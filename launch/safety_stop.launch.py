"""Starts the safety stop node: ros2 launch vlm_judge_ros safety_stop.launch.py stop_params_file:=my_robot.yaml

Sources and adapters are set in the parameter file. This node is not a certified safety device.
"""

from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory
from launch import Action, LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch_ros.actions import Node

SHARE = Path(get_package_share_directory("vlm_judge_ros"))
ARGUMENTS = {
    "namespace": ("", "Namespace of the node, usually that of the judge node."),
    "judge_node": ("", "Name of the judge node that is listened to. Default: what the parameter file says."),
    "stop_mode": ("", "observe or stop. Default: what the parameter file says."),
    "use_sim_time": ("false", "Take the time of stamps from /clock: true or false. Timeouts never depend on it."),
    "stop_params_file": (
        str(SHARE / "config" / "safety_stop.yaml"),
        "Parameter file of the safety stop node. Arguments that are given win over it.",
    ),
}


def start(context: LaunchContext) -> list[Action]:
    """The node, with the arguments that were given."""
    settings = context.launch_configurations
    # Named unlike the parameters: judge.launch.py, which may include this, has an argument judge of its own.
    arguments = {"judge": settings["judge_node"], "mode": settings["stop_mode"]}
    node = Node(
        package="vlm_judge_ros",
        executable="safety_stop_node",
        name="safety_stop_node",
        namespace=settings["namespace"],
        parameters=[
            settings["stop_params_file"],
            {"use_sim_time": yaml.safe_load(settings["use_sim_time"])},
            {name: value for name, value in arguments.items() if value},
        ],
        output="screen",
        emulate_tty=True,
    )
    return [node]


def generate_launch_description() -> LaunchDescription:
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])
