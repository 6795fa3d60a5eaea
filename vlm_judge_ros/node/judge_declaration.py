"""Declares the parameters of the judge node."""

from __future__ import annotations

from collections.abc import Mapping

from rclpy.node import Node

from vlm_judge_ros.node.declaration import declare
from vlm_judge_ros.parameters.judge_node import DEFAULT_CAMERAS, parameters_for
from vlm_judge_ros.parameters.parameter import Parameter


def declare_all(node: Node) -> Mapping[str, Parameter]:
    """Declare every parameter, those of each camera included, and return them by name.

    Raises:
        JudgeError: a value given at start cannot be used.
    """
    general = parameters_for(())
    declare(node, general.values())
    cameras = node.get_parameter("cameras").value
    parameters = parameters_for(cameras)
    declare(node, [entry for name, entry in parameters.items() if name not in general])
    return parameters


def names_in_the_shipped_file() -> frozenset[str]:
    """Names that the shipped parameter file speaks of, whether or not the node has them."""
    return frozenset(parameters_for(DEFAULT_CAMERAS))
