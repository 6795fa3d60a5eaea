"""Against an engine that nobody here wrote: the server of transformers, with a tiny model of random weights."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import simplejpeg
import yaml
from models.remote.served_model import Served, served

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.proof import proof
from vlm_judge_ros.judges.server_access import open_remote
from vlm_judge_ros.models.model import Capability
from vlm_judge_ros.models.remote.remote_model import RemoteModel
from vlm_judge_ros.models.scorer import Content
from vlm_judge_ros.models.writer import Writing
from vlm_judge_ros.node.server_checks import server as checks

if TYPE_CHECKING:
    from PIL.Image import Image

pytestmark = pytest.mark.serves
TOKENS = 24


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served") / "tiny") as started:
        yield started


@pytest.fixture(scope="module")
def options(running: Served, tmp_path_factory: pytest.TempPathFactory) -> JudgeOptions:
    path = tmp_path_factory.mktemp("server") / "transformers.yaml"
    patience = {"timeout_s": 120.0, "most_retries": 0}
    path.write_text(yaml.safe_dump({"kind": "transformers", "base_url": running.base_url, "patience": patience}))
    return JudgeOptions(server=str(path), model=str(running.folder), images_per_camera=1)


@pytest.fixture(scope="module")
def model(options: JudgeOptions) -> RemoteModel:
    return open_remote(options)


def frame(seed: int) -> Frame:
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    image = CompressedImage(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), colorspace="RGB"))
    return Frame("front", seed, image, image.thumbnail())


def opened(frame: Frame) -> Image:
    import PIL.Image

    assert isinstance(frame.image, CompressedImage)
    return PIL.Image.open(io.BytesIO(frame.image.file())).convert("RGB")


def expected(running: Served, content: Sequence[Content], instruction: str) -> str:
    """What transformers itself makes of the same texts and images."""
    import torch
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(running.folder)
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": piece} if isinstance(piece, str) else {"type": "image", "image": opened(piece)}
        for piece in content
    ]
    messages = [
        {"role": "system", "content": [{"type": "text", "text": instruction}]},
        {"role": "user", "content": parts},
    ]
    inputs = processor.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    with torch.no_grad():
        ids = running.model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)
    return str(processor.decode(ids[0, inputs["input_ids"].shape[-1] :], skip_special_tokens=True))


def test_what_it_can_do_is_found_out(model: RemoteModel) -> None:
    assert model.capabilities == {Capability.TEXT, Capability.SEVERAL_IMAGES}
    assert "No log-probabilities" in model.status and "No answers held to a JSON schema" in model.status


def test_what_it_writes_about_two_images_is_what_transformers_writes(running: Served, model: RemoteModel) -> None:
    answers = []
    for seeds in ((1, 2), (2, 1), (3, 4)):
        content = ("front camera, 0.0 s:", frame(seeds[0]), "\nwrist camera, 1.0 s:", frame(seeds[1]), "\nDone?")
        written = model.write(Writing(content, instruction="Be brief.", most_tokens=TOKENS))
        assert written.text == expected(running, content, "Be brief.")
        answers.append(written.text)
    assert len(set(answers)) == 3, "the images have to matter, or the comparison proves nothing"


def test_an_answer_ends_at_the_most_tokens(model: RemoteModel) -> None:
    written = model.write(Writing((frame(1), "Go on."), most_tokens=2))
    assert not written.complete


def test_a_wrong_model_is_refused_in_the_words_of_the_server(options: JudgeOptions, tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match=f"Server is pinned to .*requested '{tmp_path}'"):
        open_remote(dataclasses.replace(options, model=str(tmp_path)))


def test_the_token_reward_is_refused_when_it_is_made(options: JudgeOptions) -> None:
    with pytest.raises(JudgeError, match="The method token_reward needs log-probabilities of an answer token"):
        resolve("token_reward")(options)


def test_a_written_method_runs_through_and_calls_noise_unreadable(options: JudgeOptions) -> None:
    opinion = resolve("critique")(options).ask(proof(("front", "wrist")))
    assert opinion.unparsable and opinion.declined
    assert opinion.provenance.provider.startswith("127.0.0.1:")


def test_the_doctor_says_what_it_is_good_for(options: JudgeOptions) -> None:
    lines = {entry.subject: entry.text for entry in checks(options.server, options.model)}
    assert lines["methods"] == "can ask it: frame_ordering, critique, checklist, pairwise, path_choice"
