"""Made-up judged episodes for tests of what is drawn from them."""

from __future__ import annotations

import math

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.replay.trace import Answer, Curve, EpisodeTrace, Ruling, Shot
from vlm_judge_ros.replay.truth import EpisodeTruth
from vlm_judge_ros.verdict.verdict import State

PIXEL = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc0000b080001000101011100ffc4001f0000010501"
    "010101010100000000000000000102030405060708090a0bffc400b5100002010303020403050504040000017d0102030004110512213141"
    "0613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a5354"
    "55565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9"
    "bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9faffda0008010100003f00fbd3ffd9"
)


def ruling(time_s: float, state: State, **changes: object) -> Ruling:
    """A ruling that became known a twentieth of a second later."""
    mode = FailureMode.OBJECT_DROPPED if state is State.FAILED else FailureMode.NONE
    finding = Finding(Layer.JUDGE, "judge_failure", "", Effect.FAILURE, "The judge gives 93% for failing.", 0)
    values: dict[str, object] = {
        "time_s": time_s,
        "known_s": time_s + 0.05,
        "state": state,
        "progress": 0.4,
        "failure_mode": mode,
        "onset_s": None,
        "reason": f"Made up <{state.name}> & nothing more.",
        "decided_by": (finding,),
    }
    return Ruling(**{**values, **changes})  # type: ignore[arg-type]


def trace(
    *states: tuple[float, State], mode: str = "NONE", onset_s: float | None = None, known: bool = True
) -> EpisodeTrace:
    """An episode of ten seconds with these states; `known` is False where nobody knows how it really went."""
    outcome = "success" if mode == "NONE" else "failure"
    times = tuple(float(second) for second in range(11))
    return EpisodeTrace(
        name="square-moved",
        task='put the <square> "there"',
        started_ns=1_700_000_000_000_000_000,
        duration_s=10.0,
        cameras=("front", "wrist"),
        answers=tuple(
            Answer(
                second,
                progress=math.nan if second == 3 else second / 10,
                success_probability=0.1,
                failure_probability=0.2,
            )
            for second in times[1:]
        ),
        rulings=tuple(ruling(time_s, state) for time_s, state in states),
        shots=tuple(Shot(camera, second, PIXEL) for second in times for camera in ("front", "wrist")),
        truth=EpisodeTruth(
            name="square-moved",
            task_instruction="",
            outcome=outcome,
            failure_mode=mode,
            onset_s=onset_s,  # type: ignore[arg-type]
        )
        if known
        else None,
        true_progress=Curve(times, tuple(second / 10 for second in times)) if known else Curve(),
        provenance={"model": "scripted 0123456789abcdef"},
        frames_in={"front": 11, "wrist": 10},
        frames_lost={"front": 0, "wrist": 1},
    )
