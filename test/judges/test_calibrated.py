"""A judge behind a calibration."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from shown_episode import evidence

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibrated import calibrated
from vlm_judge_ros.judges.calibration import Calibration, load_calibration, raw_score_calibration
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.failure_band import Signal, signals_of
from vlm_judge_ros.judges.opinion import Judge, JudgeProvenance, Opinion
from vlm_judge_ros.monitors.finding import Effect, Severity
from vlm_judge_ros.verdict.judgement import BAND, JudgeLimits, judge_findings

BAND_FORM: dict[str, Any] = {
    "shapes": [{"signal": "failure", "times_s": [0.0, 10.0], "centre": [0.0, 0.5], "width": [0.1, 0.1]}],
    "limit": 2.0,
    "failure_count": 2,
    "failure_hold_s": 2.8,
    "target_rate": 0.1,
    "promised_rate": 0.1,
    "successes": 9,
    "calibrated_on": 9,
}
HALVED = {"kind": "piecewise_linear", "scores": [0.0, 1.0], "values": [0.0, 0.5]}
CURVE = {"kind": "logistic", "midpoint": 0.5, "slope": 10.0}
OWN: dict[str, Any] = {
    "name": "mine",
    "fitted": True,
    "model_hash": "m",
    "progress": HALVED,
    "progress_reads": "progress",
    "success": CURVE,
    "success_reads": "success_probability",
    "failure": BAND_FORM,
}
KNOWN = Opinion(
    evidence([0.1, 0.2, 0.3]),
    JudgeProvenance("model", "m", "cpu", "direct"),
    progress=0.8,
    progress_low=0.6,
    success_probability=0.5,
    failure_probability=0.2,
    failure_mode=FailureMode.SLIP,
)


class Says:
    """A judge that always says the same."""

    def __init__(self, opinion: Opinion) -> None:
        self.opinion = opinion
        self.provenance = opinion.provenance

    def ask(self, shown: Evidence) -> Opinion:
        return replace(self.opinion, evidence=shown)


def behind(form: dict[str, Any], opinion: Opinion, folder: Path, maps_raw_scores: bool = False) -> Judge:
    path = folder / "mine.json"
    path.write_text(Calibration.model_validate(form).model_dump_json())
    options = JudgeOptions(calibration=str(path))
    return calibrated(lambda _: Says(opinion), options, maps_raw_scores)


def test_the_judges_own_numbers_are_mapped(tmp_path: Path) -> None:
    judge = behind(OWN, KNOWN, tmp_path)
    said = judge.ask(KNOWN.evidence)
    assert (said.progress, said.progress_low, said.success_probability) == (0.4, 0.3, 0.5)
    assert math.isnan(said.progress_high)
    assert said.calibrated
    assert said.failure_probability == KNOWN.failure_probability
    assert said.provenance.calibration == judge.provenance.calibration == Calibration.model_validate(OWN).label


def test_an_answer_that_was_declined_stays_declined(tmp_path: Path) -> None:
    said = behind(OWN, replace(KNOWN, progress=math.nan), tmp_path).ask(KNOWN.evidence)
    assert said.declined
    assert math.isnan(said.band_score)


def test_what_the_band_sees_depends_on_the_seconds(tmp_path: Path) -> None:
    judge = behind(OWN, replace(KNOWN, failure_probability=0.4), tmp_path)
    early, late = judge.ask(evidence([0.1])), judge.ask(evidence([0.1] * 9))
    assert (early.band_score, early.band_limit) == (pytest.approx(4.0), 2.0)
    assert late.band_score == pytest.approx(0.0)


def test_the_gate_hears_of_the_band_as_of_a_failure(tmp_path: Path) -> None:
    judge = behind(OWN, replace(KNOWN, failure_probability=0.4), tmp_path)
    for shown, effect in ((evidence([0.1]), Effect.FAILURE), (evidence([0.1] * 9), Effect.NEUTRAL)):
        found = judge_findings(judge.ask(shown), None, shown.now_ns, JudgeLimits())
        (band,) = (finding for finding in found if finding.name == BAND)
        assert band.effect is effect
        failing = effect is Effect.FAILURE
        assert (band.mode, band.severity) == (
            (FailureMode.SLIP, Severity.ERROR) if failing else (FailureMode.NONE, Severity.INFO)
        )
    unbanded = judge_findings(KNOWN, None, KNOWN.evidence.now_ns, JudgeLimits())
    assert BAND not in [finding.name for finding in unbanded]


def test_a_band_alone_leaves_the_numbers_as_they_are(tmp_path: Path) -> None:
    form = {name: OWN[name] for name in ("name", "fitted", "model_hash", "failure")}
    said = behind(form, KNOWN, tmp_path).ask(KNOWN.evidence)
    assert (said.progress, said.success_probability, said.calibrated) == (0.8, 0.5, False)
    assert said.band_score == pytest.approx(1.0)


def test_a_method_with_raw_scores_keeps_its_own_mapping_beside_the_band(tmp_path: Path) -> None:
    raw = replace(KNOWN, raw_score=-3.0, provenance=replace(KNOWN.provenance, prompt_hash="p", calibration="mine 1"))
    line = {"kind": "piecewise_linear", "scores": [-9.0, 0.0], "values": [0.0, 1.0]}
    shape = {**BAND_FORM["shapes"][0], "signal": "progress"}
    form = {
        "name": "mine",
        "fitted": True,
        "model_hash": "m",
        "prompt_hash": "p",
        "progress": line,
        "failure": {**BAND_FORM, "shapes": [shape]},
    }
    said = behind(form, raw, tmp_path, maps_raw_scores=True).ask(evidence([0.1]))
    assert said.progress == 0.8
    # Of a raw score of -3 at the start, where 0 is the centre and 0.1 the width.
    assert said.band_score == pytest.approx(30.0)
    assert behind({**form, "failure": None}, raw, tmp_path, maps_raw_scores=True).provenance == raw.provenance


def test_a_method_with_raw_scores_is_given_no_file_that_says_nothing_of_them(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(Calibration.model_validate(OWN).model_dump_json())
    assert raw_score_calibration(str(path)) is None
    assert raw_score_calibration("") is None
    assert raw_score_calibration("unfitted-v1") == load_calibration()


def test_progress_as_a_signal_is_the_raw_score_where_there_is_one_and_always_finite() -> None:
    assert signals_of(0.4, math.nan, 0.1, 0.2) == {Signal.FAILURE: 0.1, Signal.PROGRESS: -0.4, Signal.NOVELTY: 0.2}
    assert signals_of(0.4, -3.0, 0.1, 0.2)[Signal.PROGRESS] == 3.0
    assert math.isfinite(signals_of(0.0, -math.inf, math.nan, math.nan)[Signal.PROGRESS])
    assert all(math.isnan(value) for value in signals_of(math.nan, math.nan, 0.9, 2.0).values())


def test_one_for_another_judge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="was fitted for the model other, and this one is m"):
        behind({**OWN, "model_hash": "other"}, KNOWN, tmp_path)
    with pytest.raises(JudgeError, match="was fitted for the prompt set of a judge without one, and this one is p"):
        behind(OWN, replace(KNOWN, provenance=replace(KNOWN.provenance, prompt_hash="p")), tmp_path)


@pytest.mark.parametrize("name", ["critique", "embedded", "ensemble", "pairwise", "reference"])
def test_judges_without_raw_scores_take_no_mapping_of_them(name: str) -> None:
    with pytest.raises(JudgeError, match="unfitted-v1 maps raw scores, and this judge has none"):
        resolve(name)(JudgeOptions(calibration="unfitted-v1"))


def test_a_file_without_the_new_parts_keeps_its_hash_and_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    for form in (OWN, {name: OWN[name] for name in ("name", "fitted", "model_hash", "failure")}):
        calibration = Calibration.model_validate(form)
        path.write_text(calibration.model_dump_json())
        assert load_calibration(str(path)) == calibration


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fitted": False, "success": None}, "needs a fit"),
        ({"progress": None, "success": None, "failure": None}, "neither progress nor success nor failure"),
        ({"progress": None, "success_reads": "raw_score", "prompt_hash": "p"}, "to success, and not to progress"),
        ({"progress_reads": "success_probability"}, "progress_reads"),
        ({"failure": {**BAND_FORM, "limit": math.inf}}, "failure.limit"),
        ({"failure": {**BAND_FORM, "shapes": []}}, "failure.shapes"),
        ({"failure": {**BAND_FORM, "shapes": [{**BAND_FORM["shapes"][0], "times_s": [1.0, 1.0]}]}}, "does not rise"),
        ({"failure": {**BAND_FORM, "shapes": [{**BAND_FORM["shapes"][0], "centre": [1.0]}]}}, "different lengths"),
    ],
)
def test_what_is_wrong_with_it_is_said(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump({**OWN, **change}))
    with pytest.raises(JudgeError, match="cannot be used") as caught:
        load_calibration(str(path))
    assert words in str(caught.value)
