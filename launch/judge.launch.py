"""Starts the judge node: ros2 launch vlm_judge_ros judge.launch.py task:="pick up the cube"

Every parameter of the node is an argument of the same name. What is not given comes from the parameter file.
"""

import os
from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory
from launch import Action, LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, SetEnvironmentVariable
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from vlm_judge_ros.node.dds_profile import profile_variable
from vlm_judge_ros.parameters.judge_node import DEFAULT_CAMERAS, parameters_for
from vlm_judge_ros.parameters.parameter import Parameter, Value, show

SHARE = Path(get_package_share_directory("vlm_judge_ros"))
GENERAL_ARGUMENTS = {
    "namespace": ("", "Namespace of the node; run one judge per namespace."),
    "node_name": ("judge_node", "Name of the node."),
    "use_sim_time": ("false", "Take the time from /clock, as when a bag is played with --clock: true or false."),
    "params_file": (str(SHARE / "config" / "judge.yaml"), "Parameter file. Arguments that are given win over it."),
    "safety_stop": ("false", "Start the safety stop node beside the judge node: true or false."),
    "stop_mode": ("", "What the safety stop node does: observe or stop. Default: what its parameter file says."),
    "stop_params_file": (str(SHARE / "config" / "safety_stop.yaml"), "Parameter file of the safety stop node."),
    "log_level": ("info", "Least severity that is logged: debug, info, warn, error or fatal."),
    "dds_profile": (
        str(SHARE / "config" / "fastdds_images.xml"),
        "Fast DDS profile with shared memory for images; give the same one to the camera drivers. Not used where the "
        "environment names one already. Empty: none.",
    ),
}


def describe(parameter: Parameter) -> str:
    """Meaning, range and default of a parameter, in one line."""
    limits = f" Set it to {parameter.remedy}." if parameter.choices or parameter.low is not None else ""
    return f"{parameter.text}{limits} Default: {show(parameter.default)}, or what the parameter file says."


def read(parameter: Parameter, text: str) -> Value:
    """The value that an argument stands for; where it is none, the node says what is wrong with it."""
    if isinstance(parameter.default, str):
        return text
    value = yaml.safe_load(text)
    if isinstance(parameter.default, float) and type(value) is int:
        return float(value)
    if isinstance(parameter.default, tuple) and isinstance(value, str):
        return [entry.strip() for entry in value.split(",")]
    return value


def given_parameters(context: LaunchContext) -> dict[str, Value]:
    """The parameters that were given as arguments, those of any camera included."""
    arguments = {name: text for name, text in context.launch_configurations.items() if text}
    known = parameters_for(())
    cameras = read(known["cameras"], arguments["cameras"]) if "cameras" in arguments else DEFAULT_CAMERAS
    known = parameters_for(cameras)
    return {name: read(known[name], text) for name, text in arguments.items() if name in known}


def start(context: LaunchContext) -> list[Action]:
    """The profile, where none is set, and the node."""
    settings = context.launch_configurations
    profile, variable = settings["dds_profile"], profile_variable()
    actions = [SetEnvironmentVariable(variable, profile)] if profile and variable not in os.environ else []
    # Of the node alone: the middleware's own debug messages would drown it.
    logger = ".".join([*filter(None, settings["namespace"].split("/")), settings["node_name"]])
    use_sim_time = {"use_sim_time": yaml.safe_load(settings["use_sim_time"])}
    node = Node(
        package="vlm_judge_ros",
        executable="judge_node",
        name=settings["node_name"],
        namespace=settings["namespace"],
        parameters=[LaunchConfiguration("params_file"), use_sim_time, given_parameters(context)],
        arguments=["--ros-args", "--log-level", f"{logger}:={settings['log_level']}"],
        output="screen",
        emulate_tty=True,
    )
    if yaml.safe_load(settings["safety_stop"]):
        shared = ("namespace", "use_sim_time", "stop_mode", "stop_params_file")
        source = PythonLaunchDescriptionSource(str(SHARE / "launch" / "safety_stop.launch.py"))
        given = {"judge_node": settings["node_name"], **{name: settings[name] for name in shared}}
        actions.append(IncludeLaunchDescription(source, launch_arguments=given.items()))
    return [*actions, node]


def generate_launch_description() -> LaunchDescription:
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in GENERAL_ARGUMENTS.items()
    ]
    arguments += [
        DeclareLaunchArgument(name, default_value="", description=describe(parameter))
        for name, parameter in parameters_for(DEFAULT_CAMERAS).items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])
