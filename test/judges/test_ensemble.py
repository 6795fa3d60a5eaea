"""Ensembles of judges that say what they are told to."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from judges.shown_episode import SECOND, START, frame
from judges.shown_episode import evidence as seen

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.judges import factory
from vlm_judge_ros.judges.ensemble import EnsembleJudge, Seat, create
from vlm_judge_ros.judges.ensemble_file import Rules, load_ensemble
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.model_access import open_model, shared_models
from vlm_judge_ros.judges.opinion import Cancellable, JudgeProvenance, Opinion
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
