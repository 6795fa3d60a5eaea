from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest

from vlm_judge_ros.tasks.document import read_document
from vlm_judge_ros.tasks.schema import FILE, task_schema
from vlm_judge_ros.tasks.task_file import shipped_tasks

SHIPPED = shipped_tasks()
VALIDATOR = jsonschema.Draft202012Validator(task_schema())


def shipped(name: str) -> Any:
    return read_document(SHIPPED[name].read_bytes()).data


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(task_schema())


@pytest.mark.parametrize("name", list(SHIPPED))
def test_every_shipped_task_follows_the_schema(name: str) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(shipped(name))] == []


@pytest.mark.parametrize("name", list(SHIPPED))
def test_every_shipped_task_tells_editors_where_its_schema_is(name: str) -> None:
    first = SHIPPED[name].read_text(encoding="utf-8").partition("\n")[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)
    assert named is not None and (SHIPPED[name].parent / named[1]).name == FILE


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "Pick It"),
        ("timeout_s", -1),
        ("monitors", [{"kind": "treshold", "name": "a"}]),
        ("task", "pick"),
        ("signals", {"Force": {}}),
    ],
)
def test_what_the_reader_refuses_an_editor_marks(key: str, value: object) -> None:
    assert list(VALIDATOR.iter_errors({**shipped("pick_and_place"), key: value}))
