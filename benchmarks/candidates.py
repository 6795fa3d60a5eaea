"""What asking a vision-language model about K candidates costs, against one.

    python benchmarks/candidates.py --families smolvlm --models /tmp/models

Models of real architectures with random weights, about a third as wide and a fifth as deep as the published ones, as in
`prefix.py`. Eight keyframes of each of two cameras are shared by all candidates; each shows its own predicted frames
after them. The judge is `token_reward` with the wordings of `--prompts` and eight images of each camera. Every ratio is
between medians of one run, turn by turn; in brackets the smallest and largest of a turn. Busy machine: `--clock cpu`.

- `k8_over_1`: eight candidates over one, where nothing was read before. To be at most 2.5.
- `k8_over_1_warm`: the same where the judge has just been asked about the keyframes, as a node does all the time.
- `apart_over_1`: two candidates, each read from the beginning, times four; what sharing saves.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from prefix import ANSWER, CLOCKS, FAMILIES, FRAME_TOKENS, Picture, grow, timed

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.export.folder import write_folder
from vlm_judge_ros.judges.calibration import load_calibration
from vlm_judge_ros.judges.prompt_set import load_prompt_set
from vlm_judge_ros.judges.token_reward import TokenRewardJudge
from vlm_judge_ros.models.vlm.folder import open_folder
from vlm_judge_ros.models.vlm.local import LocalModel, LocalSettings
from vlm_judge_ros.steering.candidate import Candidate, PredictedFrame
from vlm_judge_ros.steering.consistency import SIZE
from vlm_judge_ros.steering.questions import SteeringSettings, prepare
from vlm_judge_ros.steering.request import ScoringRequest

CAMERAS = ("front", "wrist")
K = 8
KEYFRAMES = 8
IMAGES_PER_CAMERA = 8
RATIOS = {"k8_over_1": ("eight", "one"), "k8_over_1_warm": ("eight_warm", "one_warm"), "apart_over_1": ("apart", "one")}
NO_THUMBNAIL = np.zeros((24, 32), np.uint8)


class Predicted(Picture):
    """An image in memory, with what a candidate's image has."""

    def thumbnail(self) -> np.ndarray:
        """None is looked at."""
        return NO_THUMBNAIL

    def grey(self) -> np.ndarray:
        """None is looked at."""
        return np.zeros(SIZE[::-1], np.uint8)


def happened() -> Evidence:
    """Keyframes of two cameras, one in a second."""
    keyframes = {
        camera: tuple(
            Keyframe(Frame(camera, second * 10**9, Picture(100 * place + second), NO_THUMBNAIL), FrameRole.SPREAD)
            for second in range(KEYFRAMES)
        )
        for place, camera in enumerate(CAMERAS)
    }
    return Evidence("bench", "open the drawer", 0, (KEYFRAMES - 1) * 10**9, keyframes)


def asked(evidence: Evidence, frames: int, shown_frames: int) -> list[Evidence]:
    """What the judge is shown of K candidates, each with so many frames of each camera."""
    candidates = tuple(
        Candidate(
            frames=tuple(
                PredictedFrame(camera, (1 + index) / frames, Predicted(1000 * number + 10 * place + index))
                for place, camera in enumerate(CAMERAS)
                for index in range(frames)
            )
        )
        for number in range(1, K + 1)
    )
    settings = SteeringSettings(consistency=None, shown_frames=shown_frames)
    prepared = prepare(ScoringRequest(candidates, evidence.now_ns, 1e6), evidence, settings)
    return [question.evidence for question in prepared.questions]


def measure(
    folder: Path,
    prompts: str,
    turns: int,
    threads: int,
    frames: int,
    shown: int,
    clock: Callable[[], float],
    ratios: Sequence[str],
) -> dict[str, list[float]]:
    """Seconds of each way, turn by turn."""
    settings = LocalSettings(threads=threads, image_tokens={"": FRAME_TOKENS}, max_images=4 * IMAGES_PER_CAMERA)
    model = LocalModel(open_folder(folder), settings)
    judge = TokenRewardJudge(model, load_prompt_set(prompts), load_calibration(""), IMAGES_PER_CAMERA)
    evidence = happened()
    questions = asked(evidence, frames, shown)

    def forget() -> None:
        model.score([], ["?"], ANSWER)

    def warm() -> None:
        judge.ask(evidence)

    def apart() -> None:
        for question in questions[:2]:
            forget()
            judge.ask(question)

    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "one": (forget, lambda: judge.ask(questions[0])),
        "eight": (forget, lambda: [judge.ask(question) for question in questions]),
        "one_warm": (warm, lambda: judge.ask(questions[0])),
        "eight_warm": (warm, lambda: [judge.ask(question) for question in questions]),
        "apart": (forget, apart),
    }
    ways = {name: ways[name] for name in sorted({name for ratio in ratios for name in RATIOS[ratio]})}
    return timed(ways, turns, clock)


def main() -> int:
    """Make the models, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    parser.add_argument("--ratios", nargs="+", choices=RATIOS, default=tuple(RATIOS))
    parser.add_argument(
        "--prompts", default="three-v1", help="prompt set (default: three-v1; the judge's own is ten-v1)"
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--frames", type=int, default=2, help="predicted frames of each camera (default: 2)")
    parser.add_argument(
        "--shown-frames", type=int, default=1, help="of these the judge is shown; 0 for all (default: 1)"
    )
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: of all threads, for a busy machine")
    parser.add_argument("--models", type=Path, help="keep the models in this folder, and use what is there")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory() as temporary:
        for family in arguments.families:
            print(f"{family} ...", file=sys.stderr, flush=True)
            kept = (arguments.models or Path(temporary)) / family
            if not (kept / "model").exists():
                grow(family, kept / "transformers")
                write_folder(kept / "transformers", kept / "model")
            timed = measure(
                kept / "model",
                arguments.prompts,
                arguments.turns,
                arguments.threads,
                arguments.frames,
                arguments.shown_frames,
                CLOCKS[arguments.clock],
                arguments.ratios,
            )
            seconds = {name: np.array(values) for name, values in timed.items()}
            found = {ratio: seconds[RATIOS[ratio][0]] / seconds[RATIOS[ratio][1]] for ratio in arguments.ratios}
            if "apart_over_1" in found:
                found["apart_over_1"] *= K / 2
            rows[family] = {
                name: [float(np.median(values)), float(values.min()), float(values.max())]
                for name, values in found.items()
            }
    if arguments.json:
        print(json.dumps({"prompts": arguments.prompts, "turns": arguments.turns, "rows": rows}))
        return 0
    print(
        f"{arguments.prompts}, {arguments.turns} turns, {arguments.frames} predicted frames of each camera, "
        f"shown: {arguments.shown_frames}"
    )
    for family, row in rows.items():
        print(f"{family:12}" + "".join(f"  {name} {m:.3g} ({a:.3g}-{b:.3g})" for name, (m, a, b) in row.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
