"""The example of the documentation runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from steering.grey_candidates import evidence, image

PAGE = Path(__file__).parents[2] / "docs" / "steering.md"


def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## From Python")[2]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    known: dict[str, Any] = {"evidence": evidence(), "predicted": [image(20), image(30)]}
    exec(found[1], known)
    said = capsys.readouterr().out.splitlines()
    # Grey pictures of one camera tell this judge nothing, and it says so.
    assert said[0].startswith("None ") and "NOT_SCORED" in said[1] and "wrist is missing" in said[2]
