"""The reference judge with encoders of a user's own, from fitting to its answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from judges.sliding_square import CAMERA, TASK, Picture, evidence
from models.image_encoders import KINDS, save_graph

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.judges.reference import ReferenceJudge
from vlm_judge_ros.judges.reference_file import header_of, write_references
from vlm_judge_ros.judges.reference_fit import ReferenceEpisode, fit
from vlm_judge_ros.models.appearance.encoder import open_encoder

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels


@pytest.fixture(scope="module", params=[*KINDS, "qwen2_vl"])
def encoder_path(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_models: TinyModels
) -> Path:
    if request.param == "qwen2_vl":
        return tiny_models.get(request.param).folder
    return save_graph(request.param, tmp_path_factory.mktemp(request.param))


def fitted_file(encoder_path: Path, folder: Path) -> Path:
    encoder = open_encoder(str(encoder_path))
    episodes = []
    for seconds, height in ((8.0, 24), (10.0, 25), (12.0, 23)):
        at_s = np.arange(0.0, seconds + 2.25, 0.5)
        pictures = [{CAMERA: Picture(min(1.0, now_s / seconds), height).rgb()} for now_s in at_s]
        episodes.append(ReferenceEpisode(at_s, encoder.encode(pictures)))
    fitted = fit(episodes)
    path = folder / "square.npz"
    header = header_of(fitted, (TASK,), (CAMERA,), (encoder.name, encoder.file_hash), ("a", "b", "c"))
    write_references(path, header, fitted)
    return path


def test_it_follows_a_success_and_knows_when_it_is_done(encoder_path: Path, tmp_path: Path) -> None:
    judge = ReferenceJudge(fitted_file(encoder_path, tmp_path))
    shares = [*np.linspace(0.0, 1.0, 11), 1.0, 1.0]
    said = [judge.ask(evidence(shares[: last + 1])) for last in range(len(shares))]
    progress = [opinion.progress for opinion in said]
    assert progress[0] < 0.15
    assert 0.35 < progress[5] < 0.65
    assert progress[-1] > 0.9
    assert said[5].success_probability < 0.2
    assert said[-1].success_probability > 0.8
    stopped = judge.ask(evidence([*np.linspace(0.0, 0.5, 6), *[0.5] * 8]))
    assert stopped.success_probability < 0.2


def test_another_encoder_at_its_place_is_refused(tmp_path: Path) -> None:
    path = save_graph("resnet", tmp_path / "encoder")
    references = fitted_file(path, tmp_path)
    save_graph("vit", path.parent)
    with pytest.raises(ModelBroken, match="another encoder"):
        ReferenceJudge(references)
