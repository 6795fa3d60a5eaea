from __future__ import annotations

import dataclasses
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from judges.example_material import clip, jpeg

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.example import Example, ExampleKind
from vlm_judge_ros.judges.example_bank import ExampleBank, NewExample, NewFrame, usual_folder
from vlm_judge_ros.judges.example_store import FILE, LARGEST_FRAME_BYTES

NOW_NS = 1_763_000_000_000_000_000
WORDS = NewExample("close the drawer", FailureMode.SPILL, "Water on the table.")


@pytest.fixture
def bank(tmp_path: Path) -> ExampleBank:
    return ExampleBank(tmp_path / "bank")


def edit(bank: ExampleBank, example: Example, **changes: Any) -> None:
    path = bank.folder / example.id / FILE
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("new", "kind"),
    [
        (WORDS, ExampleKind.TEXT),
        (clip(), ExampleKind.FRAMES),
        (clip(rewards=(0.0, 0.3, 0.2)), ExampleKind.REWARDED),
        (clip(mode=FailureMode.NONE, rewards=(0.0, 0.5, 1.0)), ExampleKind.REWARDED),
    ],
)
def test_what_is_added_is_there_as_it_was(bank: ExampleBank, new: NewExample, kind: ExampleKind) -> None:
    added = bank.add(new, NOW_NS)
    content = bank.read()
    assert content.examples == (added,) and content.faults == ()
    assert bank.get(added.id) == added
    assert (added.kind, added.task, added.failure_mode, added.created_ns) == (kind, new.task, new.failure_mode, NOW_NS)
    assert added.is_negative == (new.failure_mode is not FailureMode.NONE)
    found = {(f.camera, f.time_s): (bank.frame(added, f), f.reward) for f in added.frames}
    assert found == {(f.camera, f.time_s): (f.jpeg, f.reward) for f in new.frames}


def test_a_bank_holds_plain_files_that_a_person_can_read(bank: ExampleBank) -> None:
    added = bank.add(clip(count=1, rewards=(0.25,)), NOW_NS)
    assert added.id.startswith("close-the-drawer-stall-")
    assert {path.name for path in (bank.folder / added.id).iterdir()} == {FILE, "front_000.jpg", "wrist_000.jpg"}
    text = (bank.folder / added.id / FILE).read_text()
    assert "failure_mode: STALL" in text and "reward: 0.25" in text


def test_the_same_example_is_not_added_twice(bank: ExampleBank) -> None:
    added = bank.add(clip(), NOW_NS)
    with pytest.raises(JudgeError, match=f"has the example {added.id} already"):
        bank.add(dataclasses.replace(clip(), made_by="somebody else"), NOW_NS + 1)


def test_of_many_that_add_the_same_at_once_one_succeeds(bank: ExampleBank) -> None:
    start = threading.Barrier(4)
    results: list[str] = []

    def add() -> None:
        start.wait()
        try:
            results.append(bank.add(clip(), NOW_NS).id)
        except JudgeError as error:
            assert "already" in str(error)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 1
    assert [path.name for path in bank.folder.iterdir()] == results


def test_a_failed_write_leaves_nothing_behind(bank: ExampleBank, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(JudgeError, match="No space left on device"):
        bank.add(clip(), NOW_NS)
    assert list(bank.folder.iterdir()) == []


def test_an_unfinished_example_is_none(bank: ExampleBank) -> None:
    added = bank.add(WORDS, NOW_NS)
    shutil.copytree(bank.folder / added.id, bank.folder / ".adding-xyz")
    assert bank.read().examples == (added,)


BROKEN: dict[str, tuple[str, Any]] = {
    "no yaml": ("is no YAML", lambda folder: (folder / FILE).write_text("task: [")),
    "deep yaml": ("is no YAML", lambda folder: (folder / FILE).write_text("[" * 50_000)),
    "no text": ("is no YAML", lambda folder: (folder / FILE).write_bytes(b"\xff\xfe\x00")),
    "a list": ("cannot be used", lambda folder: (folder / FILE).write_text("- 1")),
    "nothing": ("cannot be read", lambda folder: (folder / FILE).unlink()),
    "too large": ("larger than", lambda folder: (folder / FILE).write_bytes(b"#" * 300_000)),
    "frame lost": ("front_000.jpg cannot be read", lambda folder: (folder / "front_000.jpg").unlink()),
    "frame changed": ("not the file that was added", lambda folder: (folder / "front_000.jpg").write_bytes(jpeg(1))),
    "a pipe": ("is no file", lambda folder: ((folder / FILE).unlink(), os.mkfifo(folder / FILE))),
    "a link": ("cannot be read", lambda folder: ((folder / FILE).unlink(), (folder / FILE).symlink_to("/etc/passwd"))),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_example_is_a_sentence_and_the_others_go_on(bank: ExampleBank, how: str) -> None:
    sound = bank.add(WORDS, NOW_NS)
    broken = bank.add(clip(), NOW_NS)
    says, spoil = BROKEN[how]
    spoil(bank.folder / broken.id)
    content = bank.read()
    assert content.examples == (sound,)
    assert len(content.faults) == 1
    assert broken.id in content.faults[0] and says in content.faults[0] and "\n" not in content.faults[0]
    bank.remove(broken.id)
    assert bank.read().faults == ()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id": "another"}, 'calls itself "another"'),
        ({"failure_mode": "HICCUP"}, '"HICCUP" is no failure mode'),
        ({"outcome": "success"}, "does not go with"),
        ({"kind": "text"}, "no frames"),
        ({"kind": "rewarded"}, "has a reward"),
        ({"frames": []}, "has frames"),
        ({"format": 2}, "format"),
        ({"text": "bell \a"}, "control characters"),
        ({"shoe_size": 43}, "shoe_size"),
        ({"frames": [{"camera": "front", "time_s": 0, "file": "../../x.jpg", "sha256": "0" * 64}]}, "file"),
        ({"frames": [{"camera": "front", "time_s": float("nan"), "file": "x.jpg", "sha256": "0" * 64}]}, "time_s"),
    ],
)
def test_what_a_hand_may_write_wrongly_is_named(bank: ExampleBank, changes: dict[str, Any], says: str) -> None:
    added = bank.add(clip(), NOW_NS)
    edit(bank, added, **changes)
    content = bank.read()
    assert content.examples == () and says in content.faults[0]


def test_a_text_may_be_mended_by_hand(bank: ExampleBank) -> None:
    added = bank.add(clip(), NOW_NS)
    before = bank.read().content_hash
    edit(bank, added, text="Der Greifer hält zu früh an.")
    content = bank.read()
    assert content.examples[0].text == "Der Greifer hält zu früh an."
    assert content.content_hash != before


def test_the_hash_of_a_bank_follows_what_a_model_may_be_shown(bank: ExampleBank, tmp_path: Path) -> None:
    first = bank.add(clip(), NOW_NS)
    one = bank.read().content_hash
    second = bank.add(WORDS, NOW_NS)
    both = bank.read().content_hash
    assert len(one) == 16 and one != both
    other = ExampleBank(tmp_path / "other")
    other.add(dataclasses.replace(WORDS, origin="elsewhere"), NOW_NS + 5)
    other.add(clip(), NOW_NS + 7)
    assert other.read().content_hash == both
    bank.remove(second.id)
    assert bank.read().content_hash == one and bank.read().examples == (first,)


@pytest.mark.parametrize(
    "name", ["..", ".", "", "../victim", "/etc", "a/b", "*", "CLOSE", "close-the-drawer", "-x", "x\n"]
)
def test_nothing_but_an_exact_id_is_shown_or_removed(bank: ExampleBank, name: str) -> None:
    added = bank.add(clip(), NOW_NS)
    (bank.folder.parent / "victim").mkdir()
    for act in (bank.get, bank.remove):
        with pytest.raises(JudgeError, match="has no example"):
            act(name)
    assert bank.read().examples == (added,) and (bank.folder.parent / "victim").is_dir()


def test_removing_a_link_leaves_what_it_points_to(bank: ExampleBank, tmp_path: Path) -> None:
    other = ExampleBank(tmp_path / "other")
    added = other.add(clip(), NOW_NS)
    bank.folder.mkdir()
    (bank.folder / added.id).symlink_to(other.folder / added.id)
    assert "its folder is a link" in bank.read().faults[0]
    bank.remove(added.id)
    assert list(bank.folder.iterdir()) == [] and other.read().examples == (added,)


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (NewExample("close the drawer", FailureMode.STALL), "has a text"),
        (NewExample(" ", FailureMode.STALL, "It stops."), "task"),
        (dataclasses.replace(WORDS, text="x" * 3000), "text"),
        (dataclasses.replace(clip(), frames=[NewFrame("front", 0.0, b"")]), "has no data"),
        (dataclasses.replace(clip(), frames=[NewFrame("front", 0.0, jpeg()[:-20])]), "cut off"),
        (dataclasses.replace(clip(), frames=[NewFrame("../front", 0.0, jpeg())]), "no name of a camera"),
        (dataclasses.replace(clip(), frames=[NewFrame("front", -1.0, jpeg())]), "time_s"),
        (dataclasses.replace(clip(), frames=[NewFrame("front", float("nan"), jpeg())]), "time_s"),
        (dataclasses.replace(clip(), frames=[NewFrame("front", 0.0, jpeg(), 1.5)]), "reward"),
        (dataclasses.replace(clip(), frames=[NewFrame("front", 0.0, jpeg()), NewFrame("front", 0.0, jpeg(2))]), "same"),
        (
            dataclasses.replace(clip(), frames=[NewFrame("front", 0.0, jpeg(), 0.5), NewFrame("front", 1.0, jpeg())]),
            "has a reward",
        ),
        (clip(count=40), "at most 64 frames"),
        (dataclasses.replace(clip(), frames=[NewFrame("front", 0.0, b"\0" * (LARGEST_FRAME_BYTES + 1))]), "scale it"),
    ],
)
def test_what_cannot_be_an_example_is_refused_before_anything_is_written(
    bank: ExampleBank, new: NewExample, says: str
) -> None:
    with pytest.raises(JudgeError, match=says):
        bank.add(new, NOW_NS)
    assert not bank.folder.exists()


def test_a_bank_that_is_not_there_says_how_to_begin(bank: ExampleBank) -> None:
    with pytest.raises(JudgeError, match="add an example with `vlm-judge examples add`"):
        bank.read()


def test_the_usual_bank_follows_the_xdg_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert usual_folder() == tmp_path / "vlm_judge_ros" / "examples"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert usual_folder() == tmp_path / ".local" / "share" / "vlm_judge_ros" / "examples"


@settings(max_examples=30, deadline=None)
@given(task=st.text(min_size=1, max_size=60), text=st.text(min_size=1, max_size=60))
def test_any_words_are_kept_as_they_are_or_refused(
    task: str, text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bank = ExampleBank(tmp_path_factory.mktemp("bank"))
    try:
        added = bank.add(NewExample(task, FailureMode.UNKNOWN, text), NOW_NS)
    except JudgeError:
        assert bank.read().examples == ()
    else:
        assert bank.get(added.id) == added
        assert added.task == " ".join(task.split()) and added.text == text.strip()
