"""Clips of a running node: a failure on the wire becomes a bag, and the bag an example."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
from bench import Bench, Robot
from diagnostic_msgs.msg import DiagnosticStatus
from judge_process import JudgeProcess
from node.test_declared_replay import first_failed_by_engine
from node.test_declared_tasks import Wrench

from vlm_judge_ros import cli, msg
from vlm_judge_ros.clips.clip_record import read_record
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.judges.example_bank import ExampleBank
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.recording import Recording

PROGRESSING, FAILED = msg.Verdict.STATE_PROGRESSING, msg.Verdict.STATE_FAILED
PUSH = """
name: push_button
instruction: push the button
signals:
  force: {topic: /declared/wrench, type: geometry_msgs/msg/WrenchStamped, field: wrench.force.z, unit: N}
monitors:
  - {kind: threshold, name: force_limit, signal: force, max: 40.0, severity: critical, failure_mode: COLLISION}
"""


@pytest.fixture(scope="module")
def task_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tasks") / "push.yaml"
    path.write_text(PUSH)
    return path


@pytest.fixture(scope="module")
def robot(bench: Bench) -> Iterator[Robot]:
    robot = Robot(bench, "kept", compressed_wrist=True)
    yield robot
    robot.close()


@pytest.fixture(scope="module")
def force(bench: Bench) -> Iterator[Wrench]:
    wrench = Wrench(bench)
    yield wrench
    wrench.close()


@pytest.fixture(autouse=True)
def relaxed(force: Wrench) -> Iterator[None]:
    yield
    force.force_n = 5.0


def confirmed(judge: JudgeProcess) -> msg.Failure:
    def found() -> msg.Failure | None:
        return next(
            (it for it in judge.failures if it.status == msg.Failure.STATUS_CONFIRMED and it.code == "COLLISION"), None
        )

    event: msg.Failure = judge.until(found, "a confirmed failure")
    return event


def test_a_failure_on_the_wire_becomes_a_clip_and_the_clip_an_example(
    start: Callable[..., JudgeProcess],
    robot: Robot,
    force: Wrench,
    task_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "clips of a robot"
    judge = start(
        "kept",
        task_files=f"[{task_file}]",
        wrist__transport="compressed",
        evidence_folder=folder,
        evidence_after_s=1.0,
        period_s=0.3,
        deadline_s=10.0,
        auto_episode=False,
    )
    before = len(judge.verdicts)
    assert judge.start_episode("push the button", "../shelf 7").success
    judge.await_verdict(PROGRESSING, since=before)
    force.force_n = 55.0
    judge.await_verdict(FAILED, "55", before)
    event = confirmed(judge)
    path = Path(url2pathname(urlparse(event.evidence_uri).path))
    assert path.parent == folder and path.name.endswith("Z_-shelf-7_COLLISION")
    judge.until(path.is_dir, "the clip")
    judge.await_count("evidence", "clips written")

    record = read_record(path)
    assert record is not None
    assert (record.task, record.task_file.split()[0], record.model) == ("push the button", "push_button", "scripted")
    assert record.cameras == {"front": "/kept/front/image/compressed", "wrist": "/kept/wrist/image/compressed"}
    assert record.left_out == ()
    with Bag(path) as bag:
        assert set(bag.topics) == {
            *(f"/kept/{name}" for name in ("task", "joint_states")),
            "/declared/wrench",
            *(f"/kept/judge_node/{name}" for name in ("verdict", "failure", "findings")),
            *record.cameras.values(),
        }
        kept = {message.topic: bag.decode(message) for message in bag.messages()}
        (failure, *_) = [bag.decode(it) for it in bag.messages({"/kept/judge_node/failure"})]
        assert (failure.code, failure.evidence_uri) == ("COLLISION", event.evidence_uri)
        assert failure.evidence[0].value == 55.0
        assert kept["/kept/judge_node/verdict"].task == "push the button"
        assert any(it.name == "force_limit" for it in kept["/kept/judge_node/findings"].findings)
        verdict = first_failed_by_engine(bag, Recording.read(bag), task_file)
    assert verdict.failure_mode is FailureMode.COLLISION
    assert verdict.failure_onset_ns == record.failures[0].onset_ns

    bank = tmp_path / "bank"
    assert cli.main(["examples", "add", str(path), "--bank", str(bank), "--frames", "2"]) == 0
    (example,) = ExampleBank(bank).read().examples
    assert (example.task, example.failure_mode) == ("push the button", FailureMode.COLLISION)
    assert {frame.camera for frame in example.frames} == {"front", "wrist"}
    capsys.readouterr()
    assert cli.main(["examples", "show", example.id, "--bank", str(bank), "--sheet", str(tmp_path / "sheet.jpg")]) == 0
    judge.end_episode()
    judge.end()


def test_a_folder_that_cannot_be_written_is_named_and_judging_goes_on(
    start: Callable[..., JudgeProcess], force: Wrench, task_file: Path, tmp_path: Path, bench: Bench
) -> None:
    (tmp_path / "file").write_text("")
    robot = Robot(bench, "unkept")
    judge = start(
        "unkept",
        task_files=f"[{task_file}]",
        evidence_folder=tmp_path / "file",
        evidence_after_s=0.2,
        period_s=0.3,
        deadline_s=10.0,
        auto_episode=False,
    )
    before = judge.begin("push the button")
    judge.await_verdict(PROGRESSING, since=before)
    force.force_n = 55.0
    judge.await_verdict(FAILED, "55", before)
    assert confirmed(judge).evidence_uri
    status = judge.await_status("evidence", DiagnosticStatus.WARN, "could not be written")
    assert status.message in judge.said()
    answers = judge.await_progress(2)
    assert answers
    judge.end_episode()
    closed = judge.until(lambda: [it for it in judge.failures if it.code == "COLLISION"][1:], "the end of the failure")
    assert closed[-1].evidence_uri == ""
    robot.close()
    judge.end()


def test_a_clip_that_is_open_when_the_node_ends_is_written_with_what_it_has(
    start: Callable[..., JudgeProcess], robot: Robot, force: Wrench, task_file: Path, tmp_path: Path
) -> None:
    judge = start(
        "kept",
        task_files=f"[{task_file}]",
        wrist__transport="compressed",
        evidence_folder=tmp_path,
        evidence_after_s=60.0,
        auto_episode=False,
        deadline_s=10.0,
    )
    before = judge.begin("push the button")
    judge.await_verdict(PROGRESSING, since=before)
    force.force_n = 55.0
    uri = confirmed(judge).evidence_uri
    assert judge.end() == 0
    (path,) = tmp_path.iterdir()
    assert path.as_uri() == uri
    assert json.loads((path / "clip.json").read_text())["failures"][0]["code"] == "COLLISION"
    with Bag(path) as bag:
        assert bag.counts["/kept/judge_node/failure"] >= 1


def test_no_clip_is_kept_where_none_is_wanted(
    start: Callable[..., JudgeProcess], robot: Robot, force: Wrench, task_file: Path, tmp_path: Path
) -> None:
    judge = start(
        "kept",
        task_files=f"[{task_file}]",
        wrist__transport="compressed",
        evidence=False,
        evidence_folder=tmp_path,
        auto_episode=False,
        deadline_s=10.0,
    )
    before = judge.begin("push the button")
    judge.await_verdict(PROGRESSING, since=before)
    force.force_n = 55.0
    assert confirmed(judge).evidence_uri == ""
    assert judge.end() == 0
    assert judge.status("evidence") is None and list(tmp_path.iterdir()) == []
