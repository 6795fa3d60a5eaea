from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_judge_ros.monitors.monitor import EpisodeContext, MonitorSpec
from vlm_judge_ros.monitors.monitor_set import MonitorSet
from vlm_judge_ros.tasks.monitor_table import kind_of, specs
from vlm_judge_ros.tasks.schema import schema_at
from vlm_judge_ros.tasks.task_file import TaskFileError, parse_task

START_NS = 1_700_000_000_000_000_000
SIGNAL = {"topic": "t", "type": "std_msgs/msg/Float64", "field": "data", "timeout_s": 1.0}
TASK = {"name": "push", "instruction": "push", "signals": dict.fromkeys(("x", "y", "z"), SIGNAL)}
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["x", "y", "y > 0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "kind"]), inner, max_size=2),
    max_leaves=6,
)


def likely(schema: Any, path: tuple[str | int, ...], data: Any) -> st.SearchStrategy[Any]:
    """What the schema asks for, where it is simple."""
    kind = schema.get("type")
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if kind in ("number", "integer"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", -1e6))
        high = schema.get("maximum", schema.get("exclusiveMaximum", 1e6))
        if kind == "integer":
            return st.integers(int(low), int(high))
        return st.floats(low, high) | st.sampled_from([low, high, (low + high) / 2])
    if kind == "boolean":
        return st.booleans()
    if kind == "array":
        longest = min(schema.get("maxItems", 3), 3)
        items = schema_at((*path, 0), data) or {}
        return st.lists(likely(items, (*path, 0), data), min_size=min(schema.get("minItems", 0), 3), max_size=longest)
    if kind == "object":
        return mapping(path, data, ())
    return st.sampled_from(["x", "y", "z", "always x < 1", "eventually [0, 2] (x > 1 and y < 0)", ""])


def mapping(path: tuple[str | int, ...], data: Any, left_out: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    schema = schema_at(path, data) or {}
    fields = {
        name: likely(schema_at((*path, name), data) or {}, (*path, name), data)
        for name in schema.get("properties", {})
        if name not in left_out
    }
    needed = {name: fields.pop(name) for name in schema.get("required", ()) if name in fields}
    return st.fixed_dictionaries(needed, optional=fields)


@pytest.mark.parametrize("spec", specs(), ids=kind_of)
@settings(max_examples=25)
@given(st.data())
def test_any_monitor_is_refused_in_sentences_or_can_be_made(spec: type[MonitorSpec], data: st.DataObject) -> None:
    start = {"kind": kind_of(spec), "name": "watched"}
    monitor = data.draw(mapping(("monitors", 0), {"monitors": [start]}, ("kind", "name")))
    spoilt = data.draw(st.none() | st.sampled_from(sorted(spec.model_fields)))
    if spoilt is not None:
        monitor[spoilt] = data.draw(ANYTHING)
    text = yaml.safe_dump({**TASK, "monitors": [{**start, **monitor}]}, sort_keys=False)
    try:
        task = parse_task(text.encode(), Path("push.yaml"))
    except TaskFileError as error:
        assert all(line.startswith("push.yaml, line ") and "\n" not in line for line in error.lines)
        return
    monitors = MonitorSet(task.all_monitors, EpisodeContext(START_NS, ("front",), {"x": "m"}, {"x": 1.0}))
    assert monitors.findings(START_NS + 5_000_000_000)
