"""The reference judge on a toy task, from fitting to its answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges.sliding_square import CAMERA, TASK, evidence, reference

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.judges.reference import ReferenceJudge
from vlm_judge_ros.judges.reference_end import fit_end
from vlm_judge_ros.judges.reference_file import header_of, read_references, write_references
from vlm_judge_ros.judges.reference_fit import LeftOut, ReferenceEpisode, fit
from vlm_judge_ros.judges.reference_watch import Watched
from vlm_judge_ros.models.appearance.grids import GridEncoder


@pytest.fixture(scope="module")
def fitted_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """References of different lengths that lie a little differently."""
    fitted = fit([reference(8.0), reference(10.0, 25), reference(12.0, 23)])
    path = tmp_path_factory.mktemp("references") / "square.npz"
    encoder = GridEncoder()
    write_references(
        path, header_of(fitted, (TASK,), (CAMERA,), (encoder.name, encoder.file_hash), ("a", "b", "c")), fitted
    )
    return path


@pytest.fixture
def judge(fitted_file: Path) -> ReferenceJudge:
    return ReferenceJudge(fitted_file)


def course(judge: ReferenceJudge, shares: list[float], spacing_s: float = 1.0) -> list[Opinion]:
    """What the judge says at each moment."""
    return [judge.ask(evidence(shares[: last + 1], spacing_s)) for last in range(len(shares))]


def test_a_success_rises_and_ends_complete(judge: ReferenceJudge) -> None:
    said = course(judge, [*np.linspace(0.0, 1.0, 11), 1.0, 1.0])
    progress = [opinion.progress for opinion in said]
    assert np.all(np.diff(progress) > -0.02)
    assert progress[0] < 0.1
    assert progress[-1] > 0.95
    assert said[5].success_probability < 0.2
    assert said[-1].success_probability > 0.8
    assert all(opinion.failure_probability < 0.5 for opinion in said)


@pytest.mark.parametrize(
    "shares", [np.linspace(0.0, 1.0, 25).tolist(), [0.0, 0.2, 0.4, *[0.5] * 3, 0.6, 0.8, 1.0, 1.0]]
)
def test_a_slow_or_paused_success_ends_complete(judge: ReferenceJudge, shares: list[float]) -> None:
    last = course(judge, shares)[-1]
    assert last.progress > 0.9
    assert last.success_probability > 0.8
    assert last.failure_mode is FailureMode.NONE


def test_a_still_picture_gives_constant_progress(judge: ReferenceJudge) -> None:
    assert len({opinion.progress for opinion in course(judge, [0.4] * 8)}) == 1


def test_a_reversed_success_falls(judge: ReferenceJudge) -> None:
    progress = [opinion.progress for opinion in course(judge, np.linspace(1.0, 0.0, 11).tolist())]
    assert progress[-1] < 0.2
    assert np.corrcoef(progress, np.arange(11))[0, 1] < -0.7


HALF_WAY = np.linspace(0.0, 0.5, 6).tolist()


@pytest.mark.parametrize("share", [0.022, 0.044, 0.088, 0.15, 0.2])
def test_a_future_is_told_as_far_as_it_is_also_between_moments_of_the_references(
    judge: ReferenceJudge, share: float
) -> None:
    # A pixel is 0.022 of the way, and references have a moment every 0.05.
    assert judge.ask(evidence([*HALF_WAY, 0.5 + share])).progress == pytest.approx(0.5 + share, abs=0.02)


def test_a_future_beside_the_way_is_told_as_less_far_than_one_on_it(judge: ReferenceJudge) -> None:
    told = [judge.ask(evidence([*HALF_WAY, 0.6], last_height=height)).progress for height in (24, 27, 29)]
    assert np.all(np.diff(told) < -0.05)


def test_a_stall_is_named(judge: ReferenceJudge) -> None:
    last = course(judge, [0.0, 0.2, 0.4, *[0.5] * 12])[-1]
    assert last.failure_probability > 0.7
    assert last.failure_mode is FailureMode.STALL
    assert last.success_probability < 0.2


def test_undoing_is_named(judge: ReferenceJudge) -> None:
    last = course(judge, [0.0, 0.2, 0.4, 0.6, 0.8, 0.6, 0.4, 0.2, 0.1])[-1]
    assert last.progress < 0.5
    assert last.failure_probability > 0.7
    assert last.failure_mode is FailureMode.UNDONE


def test_the_same_evidence_gives_the_same_answer(judge: ReferenceJudge) -> None:
    shown = evidence([0.0, 0.3, 0.6])
    first = judge.ask(shown)
    judge.ask(evidence([0.9, 0.1]))
    judge.forget()
    assert judge.ask(shown) == first


def test_it_declines_what_it_has_no_references_of(judge: ReferenceJudge) -> None:
    assert "missing" in judge.ask(evidence([0.1], camera="wrist")).reason
    assert "another task" in judge.ask(evidence([0.1], task="open the drawer")).reason


def test_its_provenance_names_the_file(judge: ReferenceJudge, fitted_file: Path) -> None:
    assert judge.provenance.method == "reference"
    assert judge.provenance.model_hash == read_references(fitted_file).content_hash
    assert resolve("reference")(JudgeOptions(model=str(fitted_file))).provenance == judge.provenance


def test_without_a_file_it_says_what_to_do() -> None:
    with pytest.raises(JudgeError, match="vlm-judge fit"):
        resolve("reference")(JudgeOptions())


def test_one_reference_is_enough_to_follow(tmp_path: Path) -> None:
    fitted, encoder = fit([reference(10.0)]), GridEncoder()
    path = tmp_path / "one.npz"
    write_references(path, header_of(fitted, (TASK,), (CAMERA,), (encoder.name, encoder.file_hash), ("a",)), fitted)
    said = course(ReferenceJudge(path), [*np.linspace(0.0, 1.0, 11), 1.0, 1.0])
    assert said[-1].progress > 0.9
    assert said[-1].success_probability > said[4].success_probability


def test_a_file_keeps_what_was_fitted(fitted_file: Path) -> None:
    fitted = fit([reference(10.0)])
    path = fitted_file.with_name("again.npz")
    write_references(path, header_of(fitted, (TASK,), (CAMERA,), ("grids", "hash"), ("a",)), fitted)
    kept = read_references(path)
    assert np.allclose(kept.courses.points, fitted.courses.points, atol=1e-3)
    assert kept.end == fitted.end
    assert kept.limits == fitted.limits


@pytest.mark.parametrize("spoil", ["missing", "empty", "text", "cut", "changed", "older", "newer"])
def test_a_bad_file_is_one_sentence(fitted_file: Path, tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "spoilt.npz"
    content = fitted_file.read_bytes()
    if spoil in ("changed", "older", "newer"):
        with np.load(fitted_file, allow_pickle=False) as file:
            arrays = dict(file)
        if spoil == "changed":
            arrays["points"] = arrays["points"][:, :, :, :-1]
        else:
            other = {"older": 2, "newer": 4}[spoil]
            text = arrays["header"].tobytes().decode()
            assert '"schema_version":3' in text
            text = text.replace('"schema_version":3', f'"schema_version":{other}')
            arrays["header"] = np.frombuffer(text.encode(), dtype=np.uint8)
        np.savez(path, **arrays)
    elif spoil != "missing":
        path.write_bytes({"empty": b"", "text": b"hello", "cut": content[: len(content) // 2]}[spoil])
    with pytest.raises(ModelBroken) as caught:
        read_references(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_with_pickled_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pickled.npz"
    np.savez(path, header=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ModelBroken, match="damaged"):
        read_references(path)


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(JudgeError, match="1 to 20"):
        fit([])
    still = ReferenceEpisode(np.arange(6.0), np.zeros((6, 1, 5), dtype=np.float32))
    with pytest.raises(JudgeError, match="never changes"):
        fit([still])


def _look(distance: float, end_belief: float = 1.0) -> Watched:
    return Watched(0.5, 0.4, 0.6, end_belief, (distance, distance), (1.0, 1.0), 0.0, 0.0)


def _trial(end: float, earlier: Sequence[float]) -> LeftOut:
    looks = (*(_look(distance) for distance in earlier), _look(end))
    return LeftOut(looks, (*(0.5 for _ in earlier), 1.0), (*(False for _ in earlier), True))


def test_one_reference_that_ended_elsewhere_does_not_set_the_scale() -> None:
    usual = [_trial(1.0, [8.0, 9.0, 10.0]) for _ in range(4)]
    end = fit_end([*usual, _trial(7.0, [9.0])])
    assert end == fit_end(usual)
    assert end.reach == (1.0, 1.0)
    assert end.cut == pytest.approx(3.0)
    assert end.probability(_look(1.0)) > 0.99
    assert end.probability(_look(7.0)) < 0.01


def test_half_way_to_what_is_unfinished_nothing_is_known() -> None:
    end = fit_end([_trial(2.0, [8.0] * 5)])
    assert end.probability(_look(4.0)) == pytest.approx(0.5)


def test_a_course_that_is_clearly_elsewhere_is_no_success_and_one_near_the_end_may_be() -> None:
    end = fit_end([_trial(1.0, [4.0] * 5)])
    assert end.probability(_look(2.0, end_belief=0.0)) < 0.1
    assert end.probability(_look(2.0, end_belief=0.2)) == end.probability(_look(2.0))


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(0.0, 1.0))
def test_the_probability_of_success_is_one_and_falls_with_the_distance(one: float, more: float, belief: float) -> None:
    end = fit_end([_trial(1.0, [4.0] * 5)])
    near, far = end.probability(_look(one, belief)), end.probability(_look(one + more, belief))
    assert 0.0 <= far <= near <= 1.0


def test_ends_that_look_like_all_before_them_are_no_division_by_nothing() -> None:
    assert fit_end([_trial(0.0, [0.0] * 3)]).cut > 1.0
    assert fit_end([LeftOut((_look(1.0),), (1.0,), (True,))]).cut > 1.0
