from __future__ import annotations

import json
from pathlib import Path

import pytest
from models.vlm.bare import bare_folder

from vlm_judge_ros import cli
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm import known
from vlm_judge_ros.models.vlm.families import Family
from vlm_judge_ros.models.vlm.known import MARKER_FILE, known_model, known_models, locate, mark, usual_folder

CONFIG = Path(__file__).parents[3] / "config" / "models"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_every_file_describes_a_model_and_every_family_is_among_them() -> None:
    models = known_models()
    assert set(models) == {path.stem for path in CONFIG.glob("*.yaml")}
    assert {model.family for model in models.values()} == set(Family)


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_known_model_names_data_that_is_shipped(path: Path) -> None:
    model = known_model(path.stem)
    judges = Path(known.__file__).parents[2] / "judges"
    for name, folder in ((model.prompts, "prompt_sets"), (model.calibration, "calibrations")):
        if (judges / folder).is_dir():
            assert (judges / folder / f"{name}.json").is_file()


def test_a_name_that_is_not_known_is_told_with_those_that_are() -> None:
    with pytest.raises(JudgeError, match=r"No model is called 'gpt'; choose one of qwen2-vl-2b, qwen2\.5-vl-3b"):
        known_model("gpt")


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "config_folder", lambda name: tmp_path)
    text = (CONFIG / "smolvlm2-256m.yaml").read_text()
    for content, sentence in (
        (text.replace("image_tokens: 64", "image_tokens: none"), r"x\.yaml, image_tokens is not usable"),
        (text.replace("licence: Apache-2.0", ""), r"x\.yaml, licence is not usable \(Field required\)"),
        (text.replace("precision: fp16", "precision: q3"), r"x\.yaml, precision is not usable .*'q3'"),
        ("- a\n", r"x\.yaml does not describe a model"),
        ("a: [", r"x\.yaml does not describe a model"),
    ):
        (tmp_path / "x.yaml").write_text(content)
        with pytest.raises(JudgeError, match=sentence):
            known_models()


class TestLocate:
    def test_a_folder_is_found_by_its_path(self, tmp_path: Path) -> None:
        folder = bare_folder(tmp_path / "mine", Family.QWEN2_VL)
        assert locate(str(folder)).folder == folder
        assert locate(str(folder)).known is None

    def test_a_pulled_folder_brings_its_settings_wherever_it_lies(self, tmp_path: Path) -> None:
        model = known_model("qwen3-vl-2b")
        mark(tmp_path, model, "c0ffee", model.precision)
        assert locate(str(tmp_path)).known == model

    def test_the_precision_that_was_pulled_is_the_one_that_is_used(self, tmp_path: Path) -> None:
        mark(tmp_path, known_model("qwen3-vl-2b"), "c0ffee", "vision=fp16,decoder=q4")
        found = locate(str(tmp_path)).known
        assert found is not None
        assert (found.name, found.precision) == ("qwen3-vl-2b", "vision=fp16,decoder=q4")

    @pytest.mark.parametrize(
        "content", ["nonsense", "[]", "{}", '{"name": 3, "precision": "q4"}', '{"name": "gpt", "precision": 4}']
    )
    def test_a_marker_that_says_nothing_is_no_obstacle(self, tmp_path: Path, content: str) -> None:
        (tmp_path / MARKER_FILE).write_text(content)
        assert locate(str(tmp_path)).known is None

    def test_a_name_is_found_once_it_has_been_pulled(self) -> None:
        with pytest.raises(JudgeError, match="not on this machine; run `vlm-judge pull qwen3-vl-2b`"):
            locate("qwen3-vl-2b")
        folder = usual_folder("qwen3-vl-2b")
        folder.mkdir(parents=True)
        with pytest.raises(JudgeError, match="not on this machine"):
            locate("qwen3-vl-2b")
        mark(folder, known_model("qwen3-vl-2b"), "c0ffee", "q4f16")
        assert locate("qwen3-vl-2b").folder == folder
        assert locate("qwen3-vl-2b").known == known_model("qwen3-vl-2b")

    def test_what_is_neither_is_refused(self) -> None:
        with pytest.raises(JudgeError, match="neither a folder nor a known model"):
            locate("/nowhere/model")


class TestListing:
    def test_the_table_names_every_model_with_licence_and_size(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["models"]) == 0
        text = capsys.readouterr().out
        for model in known_models().values():
            assert model.name in text
        assert "Apache" in text
        assert "GB" in text

    def test_programs_get_everything(self, capsys: pytest.CaptureFixture[str]) -> None:
        folder = usual_folder("smolvlm2-256m")
        folder.mkdir(parents=True)
        mark(folder, known_model("smolvlm2-256m"), "c0ffee", "fp16")
        assert cli.main(["models", "--json"]) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
        assert set(rows) == set(known_models())
        assert rows["smolvlm2-256m"]["folder"] == str(folder)
        assert rows["qwen3-vl-2b"]["folder"] is None
        assert rows["qwen3-vl-2b"]["size_bytes"]["q4"] > 1e9
