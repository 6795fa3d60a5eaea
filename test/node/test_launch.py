"""The launch file. Runs where launch is installed, which the wheels do not bring."""

from __future__ import annotations

from pathlib import Path

import pytest
from node_process import executable

from vlm_judge_ros.parameters.judge_node import parameters_for

CHECKOUT = Path(__file__).parents[2]


def test_the_launch_file_and_all_that_it_names_are_installed() -> None:
    share = executable("judge_node").parents[2] / "share" / "vlm_judge_ros"
    assert (share / "launch" / "judge.launch.py").is_file()
    assert (share / "launch" / "safety_stop.launch.py").is_file()
    assert (share / "config" / "judge.yaml").is_file()
    assert (share / "config" / "safety_stop.yaml").is_file()
    assert (share / "config" / "fastdds_images.xml").is_file()
    assert executable("safety_stop_node").is_file()
    for name in ("judge.launch.py", "safety_stop.launch.py"):
        compile((CHECKOUT / "launch" / name).read_text(), name, "exec")


def test_every_parameter_is_an_argument_with_a_description() -> None:
    pytest.importorskip("launch_ros", reason="launch is not among the ROS 2 wheels")
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    description = get_launch_description_from_python_launch_file(str(CHECKOUT / "launch" / "judge.launch.py"))
    arguments = {argument.name: argument for argument in description.get_launch_arguments()}
    for name, parameter in parameters_for(("front", "wrist")).items():
        assert parameter.text in arguments[name].description
    assert {"namespace", "use_sim_time", "params_file", "log_level", "dds_profile"} <= arguments.keys()
