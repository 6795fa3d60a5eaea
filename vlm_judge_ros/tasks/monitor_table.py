"""The table of all monitors in `docs/tasks.md`, made from what their specifications say.

`python -m vlm_judge_ros.tasks.monitor_table docs/tasks.md` brings the page up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.monitors.kinds import AnyMonitor
from vlm_judge_ros.monitors.monitor import MonitorSpec
from vlm_judge_ros.tasks.document import Data
from vlm_judge_ros.tasks.schema import Schema, schema_at

BEGIN, END = "<!-- monitors: begin -->", "<!-- monitors: end -->"

UNITS = {"_s": "s", "_m": "m", "_rad": "rad", "_rad_s3": "rad/s^3", "_n": "N", "_nm": "N m", "_hz": "Hz", "_share": "1"}
_FORMS = {"array": "list", "boolean": "true, false", "object": "mapping", "string": "text"}
_HEAD = ("| field | unit | default | range | meaning |", "| --- | --- | --- | --- | --- |")
_COMMON = ("kind", "name", "severity", "failure_mode")


def specs() -> tuple[type[MonitorSpec], ...]:
    """All kinds of monitors, by layer and kind."""
    kinds = get_args(get_args(AnyMonitor)[0]) or get_args(AnyMonitor)[:1]
    return tuple(sorted(kinds, key=lambda spec: (spec.LAYER, kind_of(spec))))


def kind_of(spec: type[BaseModel]) -> str:
    """How a task file calls a monitor."""
    return str(get_args(spec.model_fields["kind"].annotation)[0])


def monitor_table() -> str:
    """All monitors in one table, and the fields of each in a table of its own; what several share is told once."""
    rows = ["| kind | layer | speaks for | what it asks |", "| --- | --- | --- | --- |"]
    for spec in specs():
        effects = ", ".join(effect.name for effect in spec.GIVES)
        rows.append(f"| [`{kind_of(spec)}`](#{kind_of(spec)}) | {spec.LAYER.name} | {effects} | {_first(spec)} |")
    told: set[type[MonitorSpec]] = set()
    for spec in specs():
        for shared in reversed(_shared(spec)):
            if shared not in told:
                told.add(shared)
                rows += _section(shared, _title(shared))
        rows += _section(spec, kind_of(spec))
    return "\n".join(rows)


def page_with_table(page: str) -> str:
    """The page with the table of today between its markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, f"the page needs {BEGIN} and {END}"
    return f"{before}{BEGIN}\n{monitor_table()}\n{END}{after}"


def _first(spec: type[MonitorSpec]) -> str:
    return _cell(_meaning(spec).partition("\n\n")[0])


def _meaning(spec: type[MonitorSpec]) -> str:
    """What a class says of itself, without the attributes, which are in the table."""
    return (spec.__doc__ or "").strip().partition("Attributes:")[0].strip()


def _shared(spec: type[MonitorSpec]) -> list[type[MonitorSpec]]:
    """The classes whose fields a monitor has in common with others, nearest first."""
    bases = [base for base in spec.__mro__[1:] if issubclass(base, MonitorSpec) and base is not MonitorSpec]
    return [base for base in bases if len(_kinds_of(base)) > 1]


def _kinds_of(base: type[MonitorSpec]) -> list[str]:
    return [kind_of(spec) for spec in specs() if issubclass(spec, base)]


def _section(spec: type[MonitorSpec], title: str) -> Iterator[str]:
    """A monitor, or what several share."""
    yield from ("", f"#### {title}", "", _cell(_meaning(spec)))
    if Effect.FAILURE in spec.GIVES and "kind" in spec.model_fields:
        mode, severity = spec.model_fields["failure_mode"].default, spec.model_fields["severity"].default
        told = f"A failure that it finds is `{mode.name}` and `{severity.name.lower()}`, unless declared otherwise."
        yield from ("", told)
    shared = next(iter(_shared(spec)), None)
    if shared is not None:
        anchor = _title(shared).lower().replace(" ", "-").replace(",", "")
        yield from ("", f"It has the fields [{_title(shared).lower()}](#{anchor}).")
    own = {name for name in spec.model_fields if shared is None or name in spec.__annotations__} - set(_COMMON)
    if own:
        example = next(found for found in specs() if issubclass(found, spec))
        yield from ("", *_HEAD, *_fields(("monitors", 0), {"monitors": [{"kind": kind_of(example)}]}, "", own))


def _title(base: type[MonitorSpec]) -> str:
    return f"Shared by {_names(_kinds_of(base))}"


def _names(kinds: list[str]) -> str:
    return f"{', '.join(kinds[:-1])} and {kinds[-1]}"


def _fields(path: tuple[str | int, ...], data: Data, prefix: str, wanted: set[str] | None = None) -> Iterator[str]:
    schema = schema_at(path, data) or {}
    for name in schema.get("properties", {}):
        if not prefix and (name in _COMMON or (wanted is not None and name not in wanted)):
            continue
        field = schema_at((*path, name), data) or {}
        default = _default(field) if name not in schema.get("required", ()) else "required"
        meaning = _cell(str(field.get("description", "")))
        yield f"| `{prefix}{name}` | {_unit(name)} | {default} | {_range(field)} | {meaning} |"
        yield from _fields((*path, name), data, f"{prefix}{name}.")


def _unit(name: str) -> str:
    return next((unit for suffix, unit in UNITS.items() if name.endswith(suffix)), "")


def _default(field: Schema) -> str:
    value = field.get("default")
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, (bool, str)):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    return f"{value:g}"


def _range(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    low = f"≥ {schema['minimum']:g}" if "minimum" in schema else ""
    low = f"> {schema['exclusiveMinimum']:g}" if "exclusiveMinimum" in schema else low
    high = f"≤ {schema['maximum']:g}" if "maximum" in schema else ""
    high = f"< {schema['exclusiveMaximum']:g}" if "exclusiveMaximum" in schema else high
    limits = ", ".join(part for part in (low, high) if part)
    return limits or _FORMS.get(schema.get("type", ""), "")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(monitor_table())
    for argument in sys.argv[1:]:
        page_path = Path(argument)
        page_path.write_text(page_with_table(page_path.read_text(encoding="utf-8")), encoding="utf-8")
