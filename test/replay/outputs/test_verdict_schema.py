from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from replay.episode_bag import EpisodeBag

from vlm_judge_ros import cli
from vlm_judge_ros.replay.outputs.verdict_schema import shipped, text


def test_the_shipped_schema_is_that_of_the_verdict() -> None:
    # `python -m vlm_judge_ros.replay.outputs.verdict_schema` prints what has to stand there.
    assert json.loads(shipped().read_text(encoding="utf-8")) == json.loads(text())


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    folder = tmp_path_factory.mktemp("scored")
    bag = EpisodeBag(name="bad", task="fail to move it", failure_mode="OBJECT_DROPPED", onset_s=1.0).write(folder)
    words = ["--judge", "node.square_judge:create", "--with", "verdicts", "--out", str(folder / "out")]
    assert cli.main(["score", str(bag), *words]) == 0
    return [json.loads(line) for line in (folder / "out" / "bad" / "verdicts.jsonl").read_text().splitlines()]


def test_every_line_keeps_to_the_schema(lines: list[dict[str, object]]) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(shipped().read_text(encoding="utf-8")))
    assert len(lines) > 3
    for line in lines:
        validator.validate(line)


@pytest.mark.parametrize("change", [{"state": 17}, {"progress": 1.5}, {"unheard_of": 1}, {"reason": ""}])
def test_what_is_no_verdict_does_not(lines: list[dict[str, object]], change: dict[str, object]) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(Path(shipped()).read_text(encoding="utf-8")))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**lines[-1], **change})
