from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pydantic
import pytest

from vlm_judge_ros.models.vlm.folder import open_folder
from vlm_judge_ros.models.vlm.known import known_models
from vlm_judge_ros.models.vlm.local import LocalModel, LocalSettings
from vlm_judge_ros.monitors.formula import Formula
from vlm_judge_ros.parameters.judge_node import markdown
from vlm_judge_ros.tasks.monitor_table import page_with_table
from vlm_judge_ros.tasks.schema import FILE, schema_text

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def memory() -> ModuleType:
    specification = importlib.util.spec_from_file_location("benchmark_memory", ROOT / "benchmarks" / "memory.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


def test_the_table_of_memory_is_what_its_command_prints(memory: ModuleType) -> None:
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- memory: begin -->\n(.*?)<!-- memory: end -->", text, re.DOTALL)
    assert found is not None
    assert found[1].strip() == memory.table(16)


def test_the_table_of_parameters_is_that_of_the_code() -> None:
    text = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- parameters: begin -->\n(.*?)<!-- parameters: end -->", text, re.DOTALL)
    assert found is not None
    assert found[1].strip() == markdown(), "python -m vlm_judge_ros.parameters.judge_node prints the table"


def test_the_table_of_monitors_is_that_of_the_code() -> None:
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    assert page == page_with_table(page), "python -m vlm_judge_ros.tasks.monitor_table docs/tasks.md"


def test_the_formulas_that_are_explained_can_be_read() -> None:
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    table = page.partition("## Formulas")[2].partition("\n- ")[0]
    formulas = re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)
    assert len(formulas) > 5
    for formula in formulas:
        Formula(kind="formula", name="explained", formula=formula)


# Older versions of pydantic write the same schema in other words.
@pytest.mark.skipif(tuple(map(int, pydantic.VERSION.split(".")[:2])) < (2, 12), reason="needs pydantic 2.12")
def test_the_schema_of_task_files_is_that_of_the_code() -> None:
    shipped = ROOT / "config" / "tasks" / FILE
    assert shipped.read_text(encoding="utf-8") == schema_text(), f"vlm-judge task schema > config/tasks/{FILE}"


def test_every_known_model_has_its_shape(memory: ModuleType) -> None:
    assert set(memory.SHAPES) == set(known_models())


@pytest.mark.parametrize("family", ["qwen2_vl", "smolvlm"])
def test_the_formula_is_that_of_the_running_model(memory: ModuleType, family: str, tiny_models: TinyModels) -> None:
    folder = open_folder(tiny_models.get(family).folder)
    model = LocalModel(folder, LocalSettings(image_tokens={"": 64}, max_images=8, pack=False))
    config = folder.config
    shape = memory.Shape(config.layers, config.key_value_heads, config.head_dim, config.context_length)
    per_token = shape.bytes_per_token(memory.SINGLE)
    assert model.key_value_bytes_per_token == per_token
    tokens = min(8 * (64 + 48) + 1024, config.context_length)
    with_answer = min(tokens + 1024, config.context_length)
    assert model.memory_bound_bytes == per_token * (4 * tokens + 2 * (with_answer - tokens))


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_every_page_links_to_what_is_there(page: Path) -> None:
    linked = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [address for address in linked if "://" not in address and not (page.parent / address).exists()]
    assert missing == []
