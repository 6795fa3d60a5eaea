"""Ensembles of judges that say what they are told to."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from judges.shown_episode import SECOND, START, frame
from judges.shown_episode import evidence as seen

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.judges import factory
from vlm_judge_ros.judges.agreement import Agreed, Voice, agree
from vlm_judge_ros.judges.ensemble import EnsembleJudge, Seat, create
from vlm_judge_ros.judges.ensemble_file import Rules, load_ensemble
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.model_access import open_model, shared_models
from vlm_judge_ros.judges.opinion import Cancellable, Critique, JudgeProvenance, Opinion, SubtaskOpinion
from vlm_judge_ros.models.cost import Cost, billed, enter
from vlm_judge_ros.monitors.camera_limits import CameraLimits
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.settings import CameraSettings, EngineSettings
from vlm_judge_ros.verdict.verdict import State, Verdict

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

EVIDENCE = seen([0.1, 0.5])
SOURCE = JudgeProvenance("known", "0123456789abcdef", "cpu", "scripted", calibration="c1")


class Scripted:
    """Says one thing about everything."""

    status = ""

    def __init__(self, provenance: JudgeProvenance = SOURCE, fault: str = "", **said: Any) -> None:
        self.provenance = provenance
        self._fault = fault
        self._said = said
        self.evidence: list[Evidence] = []
        self.cancelled = 0

    def ask(self, evidence: Evidence) -> Opinion:
        self.evidence.append(evidence)
        if self._fault:
            raise JudgeError(self._fault)
        return Opinion(evidence, self.provenance, **self._said)

    def cancel(self) -> None:
        self.cancelled += 1


def voice(name: str, weight: float = 1.0, **said: Any) -> Voice:
    return Voice(name, weight, Opinion(EVIDENCE, SOURCE, **said))


def said(*voices: Voice, **rules: float) -> Agreed:
    return agree(voices, Rules(**rules))


# Rules


def test_progress_is_the_weighted_mean_and_the_spread_its_interval() -> None:
    agreed = said(voice("a", 3.0, progress=0.4), voice("b", 1.0, progress=0.6))
    assert agreed.progress == pytest.approx(0.45)
    assert agreed.spread == pytest.approx(math.sqrt(0.75 * 0.05**2 + 0.25 * 0.15**2))
    assert agreed.progress_high - agreed.progress == pytest.approx(agreed.spread)
    assert agreed.reason == "a 40%, b 60%."


def test_intervals_of_the_members_are_kept_where_they_are_wider() -> None:
    wide = {"progress": 0.5, "progress_low": 0.2, "progress_high": 0.8}
    agreed = said(voice("a", **wide), voice("b", **wide), voice("c", progress=0.5))
    assert (agreed.progress_low, agreed.progress_high) == (pytest.approx(0.2), pytest.approx(0.8))


def test_progress_on_which_they_disagree_is_not_said() -> None:
    agreed = said(voice("near", progress=0.9), voice("far", progress=0.1))
    assert math.isnan(agreed.progress)
    assert agreed.reason == "The members disagree on progress (far 10%, near 90%)."
    assert not agreed.unparsable


def test_success_on_which_the_votes_are_divided_is_not_said() -> None:
    agreed = said(
        voice("a", progress=0.9, success_probability=0.95), voice("b", progress=0.8, success_probability=0.05)
    )
    assert math.isnan(agreed.progress)
    assert agreed.reason == "The members disagree on success (a 95%, b 5%)."


def test_dissent_lowers_success_and_does_not_talk_a_failure_away() -> None:
    agreed = said(
        *(voice(name, progress=0.9, success_probability=0.9, failure_probability=0.9) for name in "ab"),
        voice("c", progress=0.9, success_probability=0.1, failure_probability=0.1),
    )
    assert agreed.success_probability == pytest.approx((0.9 + 0.9 + 0.1) / 3)
    assert agreed.failure_probability == 0.9


def test_a_failure_that_they_agree_on_is_said_however_far_their_progress_differs() -> None:
    fails = {"failure_probability": 0.9, "failure_mode": FailureMode.OBJECT_DROPPED}
    agreed = said(voice("a", progress=0.1, **fails), voice("b", progress=0.9, **fails))
    assert agreed.failure_probability == 0.9
    assert agreed.failure_mode is FailureMode.OBJECT_DROPPED
    assert (agreed.progress, agreed.progress_low, agreed.progress_high) == (0.5, pytest.approx(0.1), pytest.approx(0.9))


def test_unsure_members_do_not_vote() -> None:
    sure, unsure = {"progress": 0.9, "success_probability": 0.9}, {"progress": 0.9, "success_probability": 0.45}
    assert "disagree" not in said(voice("a", **sure), voice("b", **unsure)).reason
    assert "disagree" in said(voice("a", **sure), voice("b", **unsure), min_confidence=0.5).reason


def test_success_needs_enough_members_that_can_speak_of_it() -> None:
    able = voice("a", progress=0.9, success_probability=0.99)
    mute = [voice(name, progress=0.9) for name in "bc"]
    assert math.isnan(said(able, *mute).success_probability)
    assert said(able, *mute, quorum=0.3).success_probability == 0.99
    assert said(voice("a", progress=0.9, failure_probability=0.9), *mute).failure_probability == 0.9


def test_the_mode_is_that_of_the_majority_of_those_that_see_a_failure() -> None:
    def fails(name: str, mode: FailureMode, probability: float = 0.9) -> Voice:
        return voice(name, progress=0.5, failure_probability=probability, failure_mode=mode)

    slip, stall, missed = FailureMode.SLIP, FailureMode.STALL, FailureMode.GRASP_MISSED
    assert said(fails("a", slip), fails("b", slip), fails("c", stall)).failure_mode is slip
    assert said(fails("a", slip), fails("b", missed), fails("c", stall)).failure_mode is FailureMode.UNKNOWN
    assert said(fails("a", slip), fails("b", slip), fails("c", stall, 0.1)).failure_mode is slip
    assert said(fails("a", slip), voice("b", progress=0.5, failure_probability=0.8)).failure_mode is slip
    assert said(voice("b", progress=0.5, failure_probability=0.8)).failure_mode is FailureMode.UNKNOWN
    assert said(voice("b", progress=0.5)).failure_mode is FailureMode.NONE


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (Voice("c", 1.0, None, "The server is gone."), "c: The server is gone."),
        (voice("c", reason="It is dark."), "c: It is dark."),
        (voice("c", unparsable=True, reason="No JSON."), "c: unparsable, No JSON."),
        (voice("c"), "c: it gave no reason"),
    ],
)
def test_a_member_that_cannot_say_is_left_out_and_named(lost: Voice, words: str) -> None:
    agreed = said(voice("a", progress=0.4), voice("b", progress=0.5), lost)
    assert agreed.progress == pytest.approx(0.45)
    assert f"a 40%, b 50%. Left out: {words}" in agreed.reason
    few = said(voice("a", progress=0.4), lost)
    assert math.isnan(few.progress)
    assert few.reason.startswith(f"Only 1 of 2 members can say; left out: {words}")
    assert few.unparsable is (lost.opinion is not None and lost.opinion.unparsable)


def test_steps_and_critique_are_those_of_the_heaviest_member_that_has_them() -> None:
    def steps(name: str) -> dict[str, Any]:
        return {"progress": 0.5, "subtasks": (SubtaskOpinion(name, 1.0),), "critique": Critique(advice=name)}

    agreed = said(voice("a", 9.0, progress=0.5), voice("b", 1.0, **steps("light")), voice("c", 2.0, **steps("heavy")))
    assert agreed.subtasks[0].name == "heavy"
    assert agreed.critique is not None
    assert agreed.critique.advice == "heavy"


share = st.floats(0.0, 1.0)
maybe = st.one_of(share, st.just(math.nan))
modes = st.sampled_from([FailureMode.NONE, FailureMode.SLIP, FailureMode.STALL])


@st.composite
def voices(draw: st.DrawFn, least: int = 1) -> list[Voice]:
    drawn = []
    for index in range(draw(st.integers(least, 5))):
        said = {
            "progress": draw(maybe),
            "success_probability": draw(maybe),
            "failure_probability": draw(maybe),
            "failure_mode": draw(modes),
            "calibrated": draw(st.booleans()),
        }
        drawn.append(voice(f"m{index}", draw(st.floats(0.1, 5.0)), **said))
    return drawn


rules = st.builds(
    Rules,
    quorum=st.floats(0.1, 1.0),
    max_spread=st.floats(0.0, 0.5),
    min_confidence=st.floats(0.5, 1.0),
    min_agreement=st.floats(0.5, 1.0),
)


@given(voices(), rules, st.randoms(use_true_random=False))
def test_the_order_of_the_members_does_not_matter(members: list[Voice], rules: Rules, random: Any) -> None:
    turned = list(members)
    random.shuffle(turned)
    assert repr(agree(turned, rules)) == repr(agree(members, rules))


@given(voices(), rules)
def test_what_is_said_are_shares_within_what_the_members_say(members: list[Voice], rules: Rules) -> None:
    agreed = agree(members, rules)
    for name in ("progress", "success_probability", "failure_probability"):
        value = getattr(agreed, name)
        opinions = [voice.opinion for voice in members if voice.opinion is not None and not voice.left_out]
        values = [number for opinion in opinions if not math.isnan(number := getattr(opinion, name))]
        assert math.isnan(value) or min(values) <= value <= max(values)
    if not math.isnan(agreed.progress_low):
        assert 0.0 <= agreed.progress_low <= agreed.progress <= agreed.progress_high <= 1.0


@given(share, maybe, maybe, modes, st.lists(st.floats(0.1, 5.0), min_size=1, max_size=5), rules)
def test_members_that_agree_in_full_are_like_one_of_them(
    progress: float, success: float, failure: float, mode: FailureMode, weights: list[float], rules: Rules
) -> None:
    member = {
        "progress": progress,
        "success_probability": success,
        "failure_probability": failure,
        "failure_mode": mode if failure >= 0.5 else FailureMode.NONE,
        "progress_low": max(0.0, progress - 0.1),
        "progress_high": min(1.0, progress + 0.1),
        "calibrated": True,
        "novelty": 0.3,
    }
    if failure >= 0.5 and mode is FailureMode.NONE:
        member["failure_mode"] = FailureMode.UNKNOWN
    agreed = agree([voice(f"m{index}", weight, **member) for index, weight in enumerate(weights)], rules)
    for name, value in member.items():
        assert getattr(agreed, name) == pytest.approx(value, nan_ok=True), name


@given(st.lists(st.floats(0.0, 0.5), min_size=2, max_size=5), share, share, rules)
def test_one_outlier_cannot_turn_success_on(calm: list[float], outlier: float, progress: float, rules: Rules) -> None:
    members = [voice(f"m{index}", progress=progress, success_probability=value) for index, value in enumerate(calm)]
    agreed = agree([*members, voice("outlier", progress=progress, success_probability=outlier)], rules)
    assert math.isnan(agreed.success_probability) or agreed.success_probability <= max(calm)


@given(st.lists(share, min_size=3, max_size=5), st.integers(0, 4), share, rules)
def test_a_member_that_becomes_surer_of_success_never_lowers_it(
    values: list[float], index: int, higher: float, rules: Rules
) -> None:
    index %= len(values)
    assume(higher >= values[index])

    def of(values: Sequence[float]) -> Agreed:
        return agree([voice(f"m{i}", progress=0.5, success_probability=value) for i, value in enumerate(values)], rules)

    before, after = of(values), of([*values[:index], higher, *values[index + 1 :]])
    if not (math.isnan(before.success_probability) or math.isnan(after.success_probability)):
        assert after.success_probability >= before.success_probability - 1e-12


# The judge


def test_every_member_is_shown_its_cameras_and_the_seconds_of_these() -> None:
    evidence = seen([0.1, 0.5, 0.9])
    wrist = evidence.keyframes["wrist"][:2]
    evidence = Evidence(
        "one", evidence.task, evidence.started_ns, evidence.now_ns, {**evidence.keyframes, "wrist": wrist}
    )
    one, all_ = Scripted(progress=0.5), Scripted(progress=0.5)
    judge = EnsembleJudge([Seat("a", one, cameras=("wrist",)), Seat("b", all_)], Rules(), "test-v1")
    opinion = judge.ask(evidence)
    assert list(one.evidence[0].keyframes) == ["wrist"]
    assert one.evidence[0].now_ns == evidence.started_ns + SECOND
    assert all_.evidence[0] is evidence
    assert opinion.evidence is evidence
    blind = Seat("c", Scripted(progress=0.5), cameras=("ceiling",))
    told = EnsembleJudge([Seat("a", one), Seat("b", all_), blind], Rules(), "test-v1").ask(evidence)
    assert "Left out: c: There are no images of ceiling." in told.reason


def test_where_all_members_fail_the_ensemble_fails_with_all_causes() -> None:
    judge = EnsembleJudge([Seat("a", Scripted(fault="No power.")), Seat("b", Scripted(fault="No net."))], Rules(), "t")
    with pytest.raises(JudgeError, match=r"No member of the ensemble gave an answer. a: No power. b: No net."):
        judge.ask(EVIDENCE)


def test_the_provenance_names_all_members_and_changes_with_each() -> None:
    other = JudgeProvenance("other", "f" * 16, "example.org", "critique", "critique-v1", "a" * 16, seed=3)

    def of(*seats: Seat, rules: Rules | None = None) -> JudgeProvenance:
        return EnsembleJudge(seats, rules or Rules(), "test-v1").provenance

    a, b = Seat("a", Scripted()), Seat("b", Scripted(other))
    source = of(b, a)
    assert source == of(a, b)
    assert (source.model, source.provider) == ("known + other", "cpu + example.org")
    assert source.method == "ensemble(scripted, critique)"
    assert (source.prompt_set, source.calibration, source.seed) == ("test-v1", "c1", 3)
    assert len(source.model_hash) == len(source.prompt_hash) == 16
    changed = [
        of(a, Seat("b", Scripted(other), weight=2.0)),
        of(a, Seat("b", Scripted(other), cameras=("front",))),
        of(a, Seat("b", Scripted())),
        of(a, b, rules=Rules(quorum=0.9)),
    ]
    assert len({source.prompt_hash, *(entry.prompt_hash for entry in changed)}) == 5


def test_members_on_board_are_asked_one_after_the_other_and_remote_ones_at_the_same_time() -> None:
    together = threading.Barrier(2, timeout=30.0)
    running: list[str] = []

    class Waiting(Scripted):
        def ask(self, evidence: Evidence) -> Opinion:
            together.wait()
            return super().ask(evidence)

    class Alone(Scripted):
        def ask(self, evidence: Evidence) -> Opinion:
            running.append("in")
            opinion = super().ask(evidence)
            running.append("out")
            return opinion

    seats = [Seat(f"far{index}", Waiting(progress=0.5), remote=True) for index in range(2)]
    seats += [Seat(f"near{index}", Alone(progress=0.5)) for index in range(3)]
    opinion = EnsembleJudge(seats, Rules(), "t").ask(EVIDENCE)
    assert opinion.reason == "far0 50%, far1 50%, near0 50%, near1 50%, near2 50%."
    assert running == ["in", "out"] * 3


@pytest.mark.parametrize("remote", [False, True])
def test_what_the_members_cost_is_counted_where_the_ensemble_was_asked(remote: bool) -> None:
    class Costly(Scripted):
        def ask(self, evidence: Evidence) -> Opinion:
            enter(Cost(100.0, 2.0, 0.25))
            return super().ask(evidence)

    members = [Costly(progress=0.5), Costly(progress=0.5), Costly(fault="It wrote nothing that can be read.")]
    seats = [Seat(str(index), member, remote=remote) for index, member in enumerate(members)]
    with billed() as bill:
        EnsembleJudge(seats, Rules(), "t").ask(EVIDENCE)
    assert bill.total == Cost(300.0, 6.0, 0.75)


@pytest.mark.parametrize("remote", [False, True])
def test_a_cancellation_reaches_all_members_and_ends_the_question(remote: bool) -> None:
    begun = threading.Semaphore(0)

    class Long(Scripted):
        def __init__(self) -> None:
            super().__init__(progress=0.5)
            self.stopped = threading.Event()

        def ask(self, evidence: Evidence) -> Opinion:
            begun.release()
            assert self.stopped.wait(30.0)
            raise Cancelled("The question was cancelled.")

        def cancel(self) -> None:
            super().cancel()
            self.stopped.set()

    members = [Long(), Long()]
    judge = EnsembleJudge(
        [Seat(str(index), member, remote=remote) for index, member in enumerate(members)], Rules(), "t"
    )
    assert isinstance(judge, Cancellable)
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            judge.ask(EVIDENCE)
        except Cancelled as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(2 if remote else 1):
        assert begun.acquire(timeout=30.0)
    judge.cancel()
    thread.join(30.0)
    assert len(raised) == 1
    assert [member.cancelled for member in members] == [1, 1]


def judged(*members: Scripted) -> list[Verdict]:
    """What becomes of an episode of twelve seconds with joints and images in motion."""
    judge = EnsembleJudge([Seat(str(index), member) for index, member in enumerate(members)], Rules(), "t")
    # Its images are uniform.
    cameras = tuple(CameraSettings(name, CameraLimits(blocked_contrast=0)) for name in ("front", "wrist"))
    engine = Engine(EngineSettings(cameras, spread_count=3))
    engine.start_episode("one", "lift the cube", START)
    verdicts = []
    for index in range(121):
        now_ns = START + index * SECOND // 10
        for camera in ("front", "wrist"):
            assert engine.add_frame(frame(camera, index / 10, 0.2 + 0.6 * (index % 20) / 20), now_ns) is None
        engine.add_joint_state(JointSample(now_ns, ("elbow",), (math.sin(index / 10),)))
        request = engine.due(now_ns)
        if request is not None and request.evidence is not None:
            opinion = judge.ask(request.evidence)
            # A judge that says complete from its first answer on is not believed.
            opinion = opinion if verdicts else replace(opinion, success_probability=0.0)
            verdicts.append(engine.add_opinion(opinion, now_ns))
    return verdicts


DONE = {"progress": 0.95, "success_probability": 0.95, "failure_probability": 0.02}
NOT_DONE = {"progress": 0.95, "success_probability": 0.02, "failure_probability": 0.02}


def test_members_that_agree_on_success_let_the_gate_grant_it_and_one_alone_does_not() -> None:
    assert judged(*[Scripted(**DONE)] * 3)[-1].state is State.SUCCEEDED
    states = {verdict.state for verdict in judged(Scripted(**DONE), Scripted(**NOT_DONE), Scripted(**NOT_DONE))}
    assert State.SUCCEEDED not in states
    assert State.PROGRESSING in states


def test_members_that_disagree_leave_the_verdict_unknown_and_it_says_so() -> None:
    verdicts = judged(Scripted(**DONE), Scripted(**NOT_DONE))
    assert {verdict.state for verdict in verdicts} == {State.UNKNOWN}
    assert "The members disagree on success (0 95%, 1 2%)" in verdicts[-1].reason


# The file


MEMBERS: list[dict[str, Any]] = [
    {"name": "near", "judge": "token_reward", "cameras": ["wrist"], "prompts": "three-v1", "weight": 2.0},
    {"judge": "critique", "server": "cloud.yaml", "samples": 3, "seed": 5},
]


def written(tmp_path: Path, **content: Any) -> str:
    path = tmp_path / "ensemble.yaml"
    path.write_text(yaml.safe_dump({"name": "mine-v1", "members": MEMBERS, **content}))
    return str(path)


def test_members_are_made_with_their_own_settings_and_the_others_of_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, JudgeOptions] = {}

    def maker(name: str) -> Any:
        def make(options: JudgeOptions) -> Scripted:
            made[name] = options
            return Scripted(progress=0.5)

        return make

    monkeypatch.setattr(factory, "JUDGES", {name: maker(name) for name in ("token_reward", "critique")})
    options = JudgeOptions(model="m", prompts="p", seed=1, ensemble=written(tmp_path), record="log/a.jsonl")
    judge = create(options)
    near, critique = made["token_reward"], made["critique"]
    assert (near.model, near.server, near.prompts, near.cameras, near.seed) == ("m", "", "three-v1", ("wrist",), 1)
    assert (near.record, critique.record) == ("log/a.jsonl", "log/a.jsonl")
    assert (critique.server, critique.samples, critique.seed) == ("cloud.yaml", 3, 5)
    assert (critique.prompts, critique.cameras, critique.ensemble) == ("", ("front", "wrist"), "")
    assert judge.ask(EVIDENCE).reason == "critique 50%, near 50%."
    assert judge.provenance.prompt_set == "mine-v1"


def test_members_with_the_same_model_share_it(tiny_models: TinyModels, tmp_path: Path) -> None:
    members = [
        {"name": "three", "judge": "token_reward", "prompts": "three-v1"},
        {"name": "ten", "judge": "token_reward", "prompts": "ten-v1", "cameras": ["front"]},
    ]
    options = JudgeOptions(
        model=str(tiny_models.get("smolvlm").folder), images_per_camera=2, ensemble=written(tmp_path, members=members)
    )
    opened: list[Any] = []

    def make(name: str, options: JudgeOptions) -> Any:
        opened.append(open_model(options, name).model)
        return opened[-1]

    judge = create(options)
    opinion = judge.ask(EVIDENCE)
    assert 0.0 <= opinion.progress <= 1.0
    assert opinion.provenance.method == "ensemble(token_reward, token_reward)"
    with shared_models(4, 0):
        one, two = make("a", options), make("b", replace(options, cameras=("front",)))
        more = make("c", replace(options, images_per_camera=9))
        other = make("d", replace(options, image_tokens={"front": 16}))
    assert one is two
    assert len({id(model) for model in (one, more, other, make("e", options))}) == 4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"members": MEMBERS[:1]}, "at least 2"),
        ({"members": [MEMBERS[1], MEMBERS[1]]}, 'two members are called "critique"; give each a name'),
        ({"members": [MEMBERS[1], {"judge": "ensemble"}]}, 'the member "ensemble" is an ensemble'),
        ({"members": [MEMBERS[0], {**MEMBERS[1], "weight": 0}]}, "greater than 0"),
        ({"rules": {"quorum": 2.0}}, r"rules.quorum: .* less than or equal to 1"),
        ({"rules": {"threshold": 2.0}}, "rules.threshold: Extra inputs"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(content: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match=words):
        load_ensemble(written(tmp_path, **content))


def test_what_is_missing_is_named_when_the_judge_is_made(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="set the parameter ensemble to a file"):
        create(JudgeOptions())
    with pytest.raises(JudgeError, match=r"nothing.yaml"):
        create(JudgeOptions(ensemble="nothing.yaml"))
    with pytest.raises(
        JudgeError, match="The member near of the ensemble mine-v1 is to see wrist; the cameras are top"
    ):
        create(JudgeOptions(cameras=("top",), ensemble=written(tmp_path)))
    with pytest.raises(
        JudgeError, match="The member near of the ensemble mine-v1: The judge token_reward has no model"
    ):
        create(JudgeOptions(ensemble=written(tmp_path)))


def test_the_example_in_the_documentation_can_be_used(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
    path = tmp_path / "example.yaml"
    path.write_text("name: three-views" + page.partition("name: three-views")[2].partition("```")[0])
    assert [member.title for member in load_ensemble(str(path)).members] == ["front", "wrist", "reward"]
    assert load_ensemble(str(path)).rules == Rules()
