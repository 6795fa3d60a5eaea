"""What the doctor says of a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from models.remote import kinds
from models.remote.misbehaving_server import MODEL, Server, serving

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.observation import Health, Observation
from vlm_judge_ros.node.server_checks import server as checks


def file_of(server: Server, folder: Path, kind: str) -> str:
    path = folder / "server.yaml"
    path.write_text(f"kind: {kind}\nbase_url: {server.base_url}\n")
    return str(path)


def test_the_doctor_says_what_a_server_gives_and_which_methods_can_ask_it(tmp_path: Path) -> None:
    with serving() as running:
        running.usual = kinds.vllm
        found = list(checks(file_of(running, tmp_path, "vllm"), ""))
    assert {entry.health for entry in found} == {Health.WELL}
    lines = {entry.subject: entry.text for entry in found}
    assert lines["server"].startswith(f"{MODEL} answers at 127.0.0.1:{running.port}; ")
    assert lines["methods"] == "can ask it: token_reward, frame_ordering, critique, checklist, pairwise, path_choice"
    assert "ms an answer of at most 16 tokens about 4 small images" in lines["server costs"]
    gives = [entry.text for entry in found if entry.subject == "server gives"]
    assert gives[0].startswith("log-probabilities of an answer token, by the user's turn continued, token by id")


def test_what_a_server_does_not_give_is_absent_with_its_reason(tmp_path: Path) -> None:
    with serving() as running:
        running.usual = kinds.reasoning
        found = list(checks(file_of(running, tmp_path, "openai"), MODEL))
    absent = [entry for entry in found if entry.health is Health.ABSENT]
    assert [entry.subject for entry in absent] == ["server gives"]
    assert "'logprobs' is not supported with this model" in absent[0].text
    writing = "can ask it: frame_ordering, critique, checklist, pairwise, path_choice"
    assert Observation(Health.WELL, "methods", writing) in found


def test_a_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with serving() as running:
        path = file_of(running, tmp_path, "other")
    with pytest.raises(JudgeError, match="cannot be reached"):
        list(checks(path, ""))
