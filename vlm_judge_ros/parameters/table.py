"""Writes a table of parameters for people, and as a parameter file."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from vlm_judge_ros.parameters.parameter import Parameter, show


def markdown_table(parameters: Iterable[Parameter], placeholders: Sequence[str]) -> str:
    """The table for people.

    Args:
        parameters: in the order of the rows.
        placeholders: what stands for a name in names and texts, such as `<camera>`; shown as it is.
    """
    rows = ["| parameter | type | default | values | change | meaning |", "| --- | --- | --- | --- | --- | --- |"]
    for entry in parameters:
        values = entry.remedy if entry.choices or entry.low is not None else ""
        name, default, text = f"`{entry.name}`", f"`{show(entry.default)}`", entry.text
        for placeholder in placeholders:
            text = text.replace(placeholder, f"`{placeholder}`")
        rows.append(f"| {name} | {entry.type_name} | {default} | {values} | {entry.change.value} | {text} |")
    return "\n".join(rows)


def yaml_file(head: Iterable[str], parameters: Iterable[Parameter]) -> str:
    """A parameter file with every default and its meaning.

    Args:
        head: lines of the comment at its beginning.
        parameters: in their order.
    """
    lines = [*(f"# {line}" for line in head), "/**:", "  ros__parameters:"]
    for entry in parameters:
        limits = f" Set it to {entry.remedy}." if entry.choices or entry.low is not None else ""
        lines += textwrap.wrap(entry.text + limits, 120, initial_indent="    # ", subsequent_indent="    # ")
        lines.append(f"    {entry.name}: {show(entry.default)}")
    return "\n".join(lines)
