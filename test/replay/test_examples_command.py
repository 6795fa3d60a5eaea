from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from clips.material import clip
from judges.example_material import jpeg
from replay.episode_bag import EpisodeBag

from vlm_judge_ros import cli
from vlm_judge_ros.clips.store import Store
from vlm_judge_ros.judges.example import ExampleKind
from vlm_judge_ros.judges.example_bank import ExampleBank
from vlm_judge_ros.replay.bundled import bundled_episode

STALL = bundled_episode("drawer-close_stall_900005")
GOOD = bundled_episode("pick-place_none_900006")


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExampleBank:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return ExampleBank(tmp_path / "data" / "vlm_judge_ros" / "examples")


def run(*words: object) -> int:
    return cli.main(["examples", *(str(word) for word in words)])


def test_a_stretch_of_a_bundled_episode_becomes_an_example(bank: ExampleBank) -> None:
    assert run("add", STALL, "--from", 2, "--to", 8, "--frames", 4, "--note", "It stops short of the end.") == 0
    (example,) = bank.read().examples
    assert (example.task, example.failure_mode.name, example.kind) == (
        "close the drawer",
        "STALL",
        ExampleKind.FRAMES,
    )
    assert example.text == "It stops short of the end."
    assert example.origin == "drawer-close_stall_900005, 2.0 s to 8.0 s"
    for camera in ("front", "wrist"):
        times_s = [frame.time_s for frame in example.frames if frame.camera == camera]
        assert times_s == pytest.approx([2.0, 4.0, 6.0, 8.0], abs=0.06)


def test_a_clip_says_itself_what_it_is_an_example_of(bank: ExampleBank, tmp_path: Path) -> None:
    stored = Store(tmp_path / "clips", 10**6, 10**7).write(clip(images=41, begin_s=2.0))
    assert run("add", stored.path) == 0
    (example,) = bank.read().examples
    assert (example.task, example.failure_mode.name) == ("push the button", "COLLISION")
    # From three seconds before the onset, which is half a second before the failure was confirmed.
    assert [frame.time_s for frame in example.frames] == pytest.approx([1.625 + 1.675 * n for n in range(6)], abs=0.13)
    assert {frame.camera for frame in example.frames} == {"front"}


def test_recorded_rewards_are_taken_at_the_moments_of_the_images(bank: ExampleBank) -> None:
    assert run("add", GOOD, "--reward-topic", "/ground_truth/progress") == 0
    (example,) = bank.read().examples
    rewards = [frame.reward for frame in example.frames if frame.camera == "front"]
    assert example.kind is ExampleKind.REWARDED and not example.is_negative
    assert rewards == sorted(rewards) and rewards[0] == 0.0 and rewards[-1] == 1.0


def test_rewards_may_be_written(bank: ExampleBank) -> None:
    assert run("add", STALL, "--frames", 3, "--rewards", "0,0.2,0.2", "--task", "shut it", "--mode", "undone") == 0
    (example,) = bank.read().examples
    assert (example.task, example.failure_mode.name) == ("shut it", "UNDONE")
    assert [frame.reward for frame in example.frames if frame.camera == "wrist"] == [0.0, 0.2, 0.2]


def test_words_alone_are_an_example(bank: ExampleBank) -> None:
    assert run("add", "--task", "close the drawer", "--mode", "SPILL", "--text", "Water on the table.") == 0
    (example,) = bank.read().examples
    assert (example.kind, example.text, example.frames) == (ExampleKind.TEXT, "Water on the table.", ())


def test_images_of_ones_own_are_an_example(bank: ExampleBank, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    cv2.imwrite(str(tmp_path / "b.png"), np.full((30, 40, 3), 70, dtype=np.uint8))
    images = ("--image", f"front:0.5:{tmp_path / 'a.jpg'}", "--image", f"front:1.5:{tmp_path / 'b.png'}")
    assert run("add", *images, "--task", "close the drawer", "--mode", "NONE", "--rewards", "0.1,0.9") == 0
    (example,) = bank.read().examples
    assert [(frame.time_s, frame.reward) for frame in example.frames] == [(0.5, 0.1), (1.5, 0.9)]
    assert bank.frame(example, example.frames[0]) == jpeg()


def test_raw_images_of_named_cameras_are_taken(bank: ExampleBank, tmp_path: Path) -> None:
    bag = EpisodeBag(duration_s=1.0, raw=True, truth=False).write(tmp_path)
    assert run("add", bag, "--mode", "STALL", "--frames", 2, "--camera", "eye=/front/image") == 0
    (example,) = bank.read().examples
    assert [frame.camera for frame in example.frames] == ["eye", "eye"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "There is no bag at nowhere"),
        ([STALL, "--from", "5", "--to", "3"], "5 s to 3 s is no stretch"),
        ([STALL, "--to", "30"], "lasts 8.4 s"),
        ([STALL, "--frames", "0"], "ask for 1 or more"),
        ([STALL, "--frames", "50", "--from", "1", "--to", "2"], "fewer than 50 images"),
        ([STALL, "--mode", "HICCUP"], '"HICCUP" is no failure mode'),
        ([STALL, "--rewards", "0,1"], "2 numbers for 6 moments"),
        ([STALL, "--rewards", "0,much"], "not numbers"),
        ([STALL, "--frames", "1", "--rewards", "7"], "reward"),
        ([STALL, "--reward-topic", "/task"], "holds std_msgs/msg/String"),
        ([STALL, "--reward-topic", "/none"], "holds nothing"),
        ([STALL, "--camera", "front"], "not NAME=TOPIC"),
        ([STALL, "--image", "front:1:x.jpg"], "choose one"),
        (["--mode", "STALL", "--text", "It stops."], "no task"),
        (["--task", "close it", "--text", "It stops."], "give --mode"),
        (["--task", "close it", "--mode", "STALL"], "has a text"),
        (["--task", "close it", "--mode", "STALL", "--image", "front:soon:x.jpg"], "not CAMERA:SECONDS:FILE"),
        (["--task", "close it", "--mode", "STALL", "--image", "front:1:missing.jpg"], "No such file"),
        (["--task", "close it", "--mode", "STALL", "--image", f"front:1:{__file__}"], "cannot be used"),
        (["--task", "close it", "--mode", "STALL", "--text", "x", "--from", "1"], "need a bag"),
    ],
)
def test_what_cannot_be_added_is_one_sentence_and_adds_nothing(
    bank: ExampleBank, words: list[object], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("add", *words) == 1
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1
    assert not bank.folder.exists()


def test_a_bag_that_does_not_say_how_it_failed_needs_a_mode(
    bank: ExampleBank, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = EpisodeBag(duration_s=1.0, truth=False).write(tmp_path)
    assert run("add", bag) == 1
    assert "give --mode" in capsys.readouterr().err


def test_the_list_is_a_table_or_json(bank: ExampleBank, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    assert "has no examples" in capsys.readouterr().out
    run("add", "--task", "close the drawer", "--mode", "SPILL", "--text", "Water [on] the table.")
    run("add", STALL, "--frames", 2)
    (bank.folder / "broken").mkdir()
    capsys.readouterr()
    content = bank.read()
    assert run("list") == 0
    table = capsys.readouterr()
    assert all(example.id in table.out for example in content.examples) and content.content_hash in table.out
    assert "[on]" in table.out
    assert table.err.startswith("vlm-judge: The example broken cannot be used")
    assert run("list", "--json") == 0
    listed: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert listed["hash"] == content.content_hash and len(listed["faults"]) == 1
    assert [entry["id"] for entry in listed["examples"]] == [example.id for example in content.examples]


def test_what_a_judge_of_a_task_would_be_shown_is_listed(bank: ExampleBank, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", STALL, "--frames", 6)
    run("add", "--task", "water the plants", "--mode", "SPILL", "--text", "Water on the table.")
    stall = next(example.id for example in bank.read().examples if example.frames)
    capsys.readouterr()
    assert run("list", "--for", "close the drawer", "--tokens", 2500, "--json") == 0
    assert [entry["id"] for entry in json.loads(capsys.readouterr().out)["examples"]] == [stall]
    assert run("list", "--for", "close the drawer", "--tokens", 2500) == 0
    table = capsys.readouterr().out
    # Half of the budget holds two of the six images of each camera.
    assert re.search(rf"{stall}.* 4 ", table) and "SPILL" not in table
    assert run("list", "--for", "close the drawer", "--tokens", 100) == 0
    assert "STALL" not in capsys.readouterr().out


def test_an_example_is_shown_with_its_images_side_by_side(
    bank: ExampleBank, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", GOOD, "--frames", 9, "--reward-topic", "/ground_truth/progress")
    (example,) = bank.read().examples
    capsys.readouterr()
    assert run("show", example.id, "--sheet", tmp_path / "sheet.jpg") == 0
    out = capsys.readouterr().out
    assert example.task in out and example.origin in out and out.count(".jpg") == 19
    sheet = cv2.imread(str(tmp_path / "sheet.jpg"))
    assert sheet is not None
    # Nine images of each of two cameras take two lines each, and the last of them is filled by one image.
    height, width = sheet.shape[0] // 4, sheet.shape[1] // 8
    filled = [
        [
            float(sheet[row * height : row * height + 150, column * width : column * width + 150].std()) > 5
            for column in range(8)
        ]
        for row in range(4)
    ]
    assert filled == [[True] * 8, [True] + [False] * 7] * 2


def test_removing_asks_for_the_id(
    bank: ExampleBank, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", "--task", "close the drawer", "--mode", "SPILL", "--text", "Water on the table.")
    run("add", "--task", "close the drawer", "--mode", "STALL", "--text", "It stops.")
    first, second = bank.read().examples
    for typed in ("", "y\n", f"{second.id}\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert run("remove", first.id) == 1
    assert bank.read().examples == (first, second)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{first.id}\n"))
    assert run("remove", first.id) == 0
    assert bank.read().examples == (second,)
    assert run("remove", second.id, "--yes") == 0
    capsys.readouterr()
    assert run("remove", second.id, "--yes") == 1
    assert re.search(r'has no example "[^"]+"; `vlm-judge examples list`', capsys.readouterr().err)


def test_another_bank_is_named(bank: ExampleBank, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other bank"
    words = ("--task", "close the drawer", "--mode", "SPILL", "--text", "Water on the table.")
    assert run("add", *words, "--bank", other) == 0
    assert f"examples:={other}" in capsys.readouterr().out
    assert len(ExampleBank(other).read().examples) == 1 and not bank.folder.exists()
