"""The token reward with a model behind an address, from the options to the opinion."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from models.remote import kinds
from models.remote.misbehaving_server import (
    MODEL,
    Reply,
    Server,
    completion,
    half,
    large,
    never,
    no_choices,
    not_a_number,
    not_json,
    serving,
    status,
    wrong_schema,
)

from vlm_judge_ros.config_folder import config_folder
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.opinion import Judge
from vlm_judge_ros.judges.proof import proof
from vlm_judge_ros.judges.server_access import server_settings
from vlm_judge_ros.judges.worker import Worker, WorkerSettings
from vlm_judge_ros.judges.worker_events import Answer, Ready, Unanswered

CAMERAS = ("front", "wrist")
SHIPPED = sorted(config_folder("servers").glob("*.yaml"))
BOUND = completion("It", top=[("It", -0.5), ("The", -1.5), ("A", -4.0)])


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        running.usual = kinds.answered
        yield running


@pytest.fixture
def options(server: Server, tmp_path: Path) -> JudgeOptions:
    return JudgeOptions(server=file_of(server, tmp_path), images_per_camera=2, prompts="three-v1")


def file_of(server: Server, folder: Path, **changes: Any) -> str:
    path = folder / "server.yaml"
    patience = {"timeout_s": 10.0, "most_retries": 0, "failures_to_open": 100}
    path.write_text(yaml.safe_dump({"kind": "other", "base_url": server.base_url, "patience": patience, **changes}))
    return str(path)


def make(options: JudgeOptions) -> Judge:
    return resolve("token_reward")(options)


def evidence(*brightnesses: int) -> Evidence:
    """Frames a second apart, on each camera."""
    stamps = [1_000_000_000 * (number + 1) for number in range(len(brightnesses))]

    def keyframe(camera: str, stamp_ns: int, brightness: int) -> Keyframe:
        image = RawImage(np.full(48 * 64 * 3, brightness, np.uint8), 64, 48, "rgb8", 192)
        return Keyframe(Frame(camera, stamp_ns, image, image.thumbnail()), FrameRole.SPREAD)

    shown = {
        camera: tuple(keyframe(camera, *entry) for entry in zip(stamps, brightnesses, strict=True))
        for camera in CAMERAS
    }
    return Evidence("one", "open the drawer", stamps[0], stamps[-1], shown)


@pytest.mark.parametrize("kind", ["other", "vllm", "llama_cpp", "openai", "ollama", "sglang", "tensorrt_llm"])
def test_what_the_model_believes_becomes_the_score_on_servers_of_every_kind(
    server: Server, tmp_path: Path, kind: str
) -> None:
    server.usual = {entry.value: answering for entry, answering in kinds.KINDS.items()}[kind]
    judge = make(JudgeOptions(server=file_of(server, tmp_path, kind=kind), images_per_camera=2, prompts="three-v1"))
    dark, bright = judge.ask(evidence(200, 20)), judge.ask(evidence(20, 200))
    assert dark.raw_score < bright.raw_score < 0.0
    assert dark.progress < bright.progress
    assert not bright.declined
    source = bright.provenance
    assert (source.model, source.model_hash, source.method) == (MODEL, "", "token_reward")
    assert (source.provider, source.prompt_set) == (f"127.0.0.1:{server.port}", "three-v1")


def test_an_answer_outside_the_list_is_declined_with_its_bound(server: Server, options: JudgeOptions) -> None:
    judge = make(options)
    server.next(BOUND, BOUND, BOUND)
    opinion = judge.ask(evidence(20, 200))
    assert opinion.declined
    assert opinion.raw_score_bound == -4.0
    assert math.isnan(opinion.raw_score)
    assert "is below -4.00" in opinion.reason


@pytest.mark.parametrize(
    "reply",
    [
        not_a_number(),
        completion(top=[("True", 2.0)]),
        no_choices(),
        wrong_schema(),
        not_json(),
        half(completion()),
        large(),
        status(500),
        status(429),
        completion(),
        completion(top=[("True", -0.1)], model="another"),
    ],
    ids=["NaN", "positive", "choices", "schema", "JSON", "half", "large", "500", "429", "no list", "another model"],
)
def test_a_server_that_misbehaves_is_an_error_and_the_next_question_is_answered(
    server: Server, options: JudgeOptions, reply: Reply
) -> None:
    judge = make(options)
    expected = judge.ask(evidence(20, 200)).raw_score
    server.next(reply)
    with pytest.raises(JudgeError):
        judge.ask(evidence(20, 200))
    assert judge.ask(evidence(20, 200)).raw_score == pytest.approx(expected)


def test_a_connection_that_is_refused_in_between_is_an_error(server: Server, options: JudgeOptions) -> None:
    judge = make(options)
    server.stop()
    with pytest.raises(JudgeError, match="cannot be reached"):
        judge.ask(evidence(20, 200))
    server.start()
    assert judge.ask(evidence(20, 200)).raw_score < 0.0


def test_a_server_without_log_probabilities_is_refused_when_the_judge_is_made(
    server: Server, options: JudgeOptions
) -> None:
    server.usual = kinds.transformers
    with pytest.raises(JudgeError, match="token_reward needs log-probabilities of an answer token, which the model"):
        make(options)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "scripted-vlm-2"}, "has no model 'scripted-vlm-2'; set the parameter model to one of scripted-vlm"),
        ({"server": "open-ai"}, 'The server "open-ai" cannot be read .* name one of azure, llama_cpp, ollama'),
        ({"jpeg_quality": 101}, "jpeg_quality: Input should be less than or equal to 100"),
        ({"image_size_px": 5}, "size_px: Input should be greater than or equal to 28"),
        ({"prompts": "eleven"}, 'The prompt set "eleven" cannot be read'),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options: JudgeOptions, change: dict[str, Any], words: str) -> None:
    with pytest.raises(JudgeError, match=words):
        make(dataclasses.replace(options, **change))


def test_a_file_that_cannot_be_used_is_named(server: Server, tmp_path: Path) -> None:
    for change, words in (({"kind": "clippy"}, "kind: Input should be"), ({"key": "abc"}, "key: Extra inputs")):
        with pytest.raises(JudgeError, match=words):
            make(JudgeOptions(server=file_of(server, tmp_path, **change)))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_files_are_known_by_name_and_hold_no_key(path: Path) -> None:
    settings = server_settings(JudgeOptions(server=path.stem, model="mine", image_size_px=100, jpeg_quality=50))
    assert (settings.kind.value, settings.model) == (path.stem, "mine")
    assert (settings.images.size_px, settings.images.jpeg_quality) == (100, 50)
    assert "key:" not in path.read_text(encoding="utf-8")


def test_every_kind_of_server_but_the_unknown_has_a_shipped_file() -> None:
    assert {path.stem for path in SHIPPED} == {kind.value for kind in kinds.ServerKind} - {"other"}


def test_a_recording_answers_in_the_place_of_the_server(server: Server, options: JudgeOptions, tmp_path: Path) -> None:
    file = str(tmp_path / "exchanges.jsonl")
    opinion = make(dataclasses.replace(options, record=file)).ask(evidence(20, 200))
    server.stop()
    again = make(dataclasses.replace(options, replay=file)).ask(evidence(20, 200))
    server.start()
    assert (again.raw_score, again.provenance) == (opinion.raw_score, opinion.provenance)


def test_a_question_that_takes_too_long_is_given_up_and_the_process_goes_on(
    server: Server, options: JudgeOptions
) -> None:
    question = proof(CAMERAS)
    worker = Worker(WorkerSettings("token_reward", options, hang_timeout_s=60.0), question)
    try:
        assert isinstance(worker.events.get(timeout=60.0), Ready)
        asked = len(server.received)
        server.next(never(), never(), never())
        worker.ask(question, 0.2)
        assert isinstance(worker.events.get(timeout=60.0), Unanswered)
        server.wait_for(asked + 3)
        worker.ask(question, 60.0)
        assert isinstance(worker.events.get(timeout=60.0), Answer)
        assert (worker.counts.late, worker.restarts) == (1, 0)
    finally:
        server.release.set()
        worker.close()


@pytest.mark.parametrize("prices", [{"input_price": 2.0, "output_price": 10.0}, {}])
def test_an_answer_from_the_worker_tells_what_it_cost(server: Server, tmp_path: Path, prices: dict[str, float]) -> None:
    options = JudgeOptions(server=file_of(server, tmp_path, budget=prices), images_per_camera=2, prompts="three-v1")
    worker = Worker(WorkerSettings("token_reward", options, hang_timeout_s=60.0), proof(CAMERAS))
    try:
        assert isinstance(worker.events.get(timeout=60.0), Ready)
        worker.ask(proof(CAMERAS), 60.0)
        answer = worker.events.get(timeout=60.0)
    finally:
        worker.close()
    assert isinstance(answer, Answer)
    # Three wordings, each a request of 100 tokens that are read and one that is written; the proof counts for itself.
    assert (answer.opinion.cost.input_tokens, answer.opinion.cost.output_tokens) == (300.0, 3.0)
    assert answer.opinion.cost.money == pytest.approx(0.00063 if prices else math.nan, nan_ok=True)
