from __future__ import annotations

from pathlib import Path
from typing import Any

import pydantic
import pytest

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER, WrittenPrompt

WORDS = {
    "name": "test-v1",
    "instruction": "Judge the robot.",
    "question": "How far is {task} after {elapsed_s} s? Answer {{}}.",
    "repair": "{error} Once more.",
}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"question": "How far is it?"}, "has no {task}"),
        ({"question": "{task} {seed}"}, "has {seed}; known are {elapsed_s}, {task}"),
        ({"question": "{task.__class__}"}, "has {task.__class__}"),
        ({"question": "{task[0]}"}, r"has {task[0]}"),
        ({"question": "{task:>9999999}"}, "formats {task}"),
        ({"question": "{task!r}"}, "formats {task}"),
        ({"question": "{task} {"}, "'{'"),
        ({"question": "{task} {}"}, "has {}"),
        ({"label": "{time}"}, "has {time}"),
        ({"repair": "Once more."}, "has no {error}"),
        ({"form": "JSON: {form}"}, "has {form}; known are {schema}"),
        ({"name": "../x"}, "name"),
        ({"extra": 1}, "extra"),
        ({"instruction": 5}, "instruction"),
    ],
)
def test_a_prompt_that_cannot_be_filled_is_refused_with_the_reason(change: dict[str, Any], why: str) -> None:
    with pytest.raises(pydantic.ValidationError) as refused:
        WrittenPrompt.model_validate({**WORDS, **change})
    assert why in str(refused.value)


def test_what_is_filled_in_is_not_filled_again() -> None:
    prompt = WrittenPrompt.model_validate(WORDS)
    assert prompt.question.format(task="{elapsed_s} {x}", elapsed_s="1.0") == (
        "How far is {elapsed_s} {x} after 1.0 s? Answer {}."
    )
    assert prompt.label_of("front", 1.26) == "front camera, 1.3 s:"


def test_the_hash_is_that_of_the_words_and_not_of_the_name() -> None:
    prompt = WrittenPrompt.model_validate(WORDS)
    assert prompt.content_hash == WrittenPrompt.model_validate({**WORDS, "name": "other"}).content_hash
    assert prompt.content_hash != WrittenPrompt.model_validate({**WORDS, "instruction": "Judge!"}).content_hash


@pytest.mark.parametrize("content", ["[1, 2]", "name: [", "a: 1\n", "", "\x00", "\udcff"])
def test_a_file_that_is_no_prompt_is_refused_in_a_sentence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(JudgeError, match="mend the file"):
        load(WrittenPrompt, "prompt", str(file), SHIPPED_FOLDER)
