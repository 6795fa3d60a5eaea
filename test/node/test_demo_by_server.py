"""`vlm-judge demo` with a model behind an address, recorded, and replayed without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from models.remote.kinds import answered
from models.remote.misbehaving_server import serving
from node.test_demo import demo, finish
from replay.episode_bag import EpisodeBag

from vlm_judge_ros.replay.summary import Summary

KEY = "sk-demonstration-0123456789abcdef"


# Both run in their own time: on a busy machine the second asks about other frames, of which nothing is recorded.
@pytest.mark.alone
def test_a_recorded_demonstration_is_judged_the_same_way_without_the_server_and_keeps_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMONSTRATION_KEY", KEY)
    bag = EpisodeBag(name="good", duration_s=4.0).write(tmp_path)
    exchanges = tmp_path / "exchanges.jsonl"
    words: list[object] = ["--bag", bag, "--out", tmp_path / "page.html", "--json"]
    for setting in ("prompts=three-v1", "keyframes=2", "opinion_timeout_s=60.0", "deadline_s=30.0"):
        words += ["--set", setting]

    def judged(*more: object) -> Summary:
        with demo(*words, *more, judge="token_reward") as process:
            out, err = finish(process)
            assert process.returncode == 0, err
            assert KEY not in out + err
        return Summary.model_validate_json(out)

    with serving() as server:
        server.usual = answered
        file = tmp_path / "server.yaml"
        file.write_text(f"kind: other\nbase_url: {server.base_url}\nkey_variable: DEMONSTRATION_KEY\n")
        live = judged("--set", f"server={file}", "--record", exchanges)
        asked = len(server.received)
        assert any(KEY in received.headers.get("authorization", "") for received in server.received)
    monkeypatch.delenv("DEMONSTRATION_KEY")
    assert live.episodes[0].verdicts >= 3
    assert live.episodes[0].final_progress is not None
    replayed = judged("--set", f"server={file}", "--replay", exchanges)
    assert replayed.episodes == live.episodes
    assert len(server.received) == asked
    assert {"page.html", "exchanges.jsonl"} <= {path.name for path in tmp_path.rglob("*")}
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()] == []


def test_what_cannot_be_recorded_is_refused_in_one_sentence(tmp_path: Path) -> None:
    bag = EpisodeBag(name="good", duration_s=1.0).write(tmp_path)
    with demo(
        "--bag", bag, "--record", tmp_path / "a.jsonl", "--out", tmp_path / "page.html", judge="embedded"
    ) as process:
        _, err = finish(process)
    assert process.returncode == 1
    assert "no server is asked; set server or review_server, or leave record out." in err
