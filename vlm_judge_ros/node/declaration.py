"""Declares the parameters of a table on a node, and holds what is set against it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.parameters.parameter import Change, Parameter, Value


def declare(node: Node, parameters: Iterable[Parameter]) -> None:
    """Declare parameters with description and range.

    Raises:
        JudgeError: a value given at start cannot be used; the message names the parameter, the value and the remedy.
    """
    for parameter in parameters:
        # Declared without type and range first: rclpy's own refusal names no remedy.
        untyped = ParameterDescriptor(dynamic_typing=True)
        value: object = node.declare_parameter(parameter.name, _plain(parameter.default), untyped).value
        if isinstance(parameter.default, tuple) and not value:
            # A list without entries has no type in a parameter file, nor in rclpy.
            value = ()
            node.set_parameters([RosParameter(parameter.name, RosParameter.Type.STRING_ARRAY, [])])
        refusal = parameter.refuse(value)
        if refusal is not None:
            raise JudgeError(refusal)
        node.set_descriptor(parameter.name, _descriptor(parameter))


def values_of(node: Node, names: Iterable[str]) -> Mapping[str, Value]:
    """The values of declared parameters, by name."""
    values = {name: node.get_parameter(name).value for name in names}
    return {name: tuple(value) if isinstance(value, (list, tuple)) else value for name, value in values.items()}


def refuse(
    changes: Iterable[RosParameter[Any]], known: Mapping[str, Parameter], configured: bool
) -> SetParametersResult:
    """Say whether parameters may be set, and if not, why in one sentence.

    Args:
        changes: what is to be set. Parameters that are not in `known` are none of our business.
        known: the parameters of the node, by name.
        configured: the node is configured.
    """
    for change in changes:
        parameter = known.get(change.name)
        if parameter is None:
            continue
        reason = parameter.refuse(change.value)
        if reason is None and parameter.change is Change.START:
            reason = f"Parameter {change.name} can only be set when the node starts; start it again with the new value."
        if reason is None and parameter.change is Change.UNCONFIGURED and configured:
            reason = (
                f"Parameter {change.name} cannot be changed while the node is configured; deactivate and clean up the "
                "node, set it, and configure it again."
            )
        if reason is not None:
            return SetParametersResult(successful=False, reason=reason)
    return SetParametersResult(successful=True)


def unknown_names(node: Node, known: Container[str]) -> list[str]:
    """Names given at start that belong to no parameter: ROS 2 passes over them without a word."""
    # rclpy shows what was given to nobody but to parameters that are declared.
    given: Mapping[str, object] = getattr(node, "_parameter_overrides", {})
    return [name for name in given if name not in known and not node.has_parameter(name)]


def _plain(value: Value) -> bool | int | float | str | list[str]:
    return list(value) if isinstance(value, tuple) else value


def _descriptor(parameter: Parameter) -> ParameterDescriptor:
    types = {
        bool: RosParameter.Type.BOOL,
        int: RosParameter.Type.INTEGER,
        float: RosParameter.Type.DOUBLE,
        str: RosParameter.Type.STRING,
        tuple: RosParameter.Type.STRING_ARRAY,
    }
    unit = f" Unit: {parameter.unit}." if parameter.unit else ""
    descriptor = ParameterDescriptor(
        name=parameter.name,
        type=types[type(parameter.default)].value,
        description=parameter.text + unit,
        additional_constraints=f"Set it to {parameter.remedy}. May be changed {parameter.change.value}.",
    )
    if parameter.low is not None and parameter.high is not None:
        if isinstance(parameter.default, float):
            descriptor.floating_point_range = [FloatingPointRange(from_value=parameter.low, to_value=parameter.high)]
        else:
            limits = IntegerRange(from_value=int(parameter.low), to_value=int(parameter.high), step=1)
            descriptor.integer_range = [limits]
    return descriptor
