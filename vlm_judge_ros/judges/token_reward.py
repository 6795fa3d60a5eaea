"""The token reward: how probable a model finds the answer that says that the task is done."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, Keyframe
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import Calibration
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.judges.prompt_set import PromptSet
from vlm_judge_ros.models.scorer import AnswerScore, AnswerScorer, Content

_UNFITTED = "The calibration is not fitted: progress tells more from less, and is no share of the task."


class TokenRewardJudge:
    """Shows a model the frames, asks several wordings of "is it done?", and reads the probability of the answer token.

    The raw score is the mean of the log-probabilities. It becomes progress through a calibration that is the same for
    all episodes. Every question shows the same number of images of each camera, because models grow more certain with
    the number of images, whatever these show.

    Args:
        scorer: the model.
        prompts: the wordings.
        calibration: what raw scores mean.
        images_per_camera: images of each camera in every question, at least 1. Where fewer frames are at hand they are
            shown repeatedly; of more, an even choice.
        status: one sentence about how the model runs.

    Raises:
        JudgeError: the calibration was fitted for another model or prompt set.
    """

    def __init__(
        self,
        scorer: AnswerScorer,
        prompts: PromptSet,
        calibration: Calibration,
        images_per_camera: int,
        status: str = "",
    ) -> None:
        calibration.check(scorer.file_hash, prompts.content_hash)
        self._scorer = scorer
        self._prompts = prompts
        self._calibration = calibration
        self._images_per_camera = images_per_camera
        self.status = status

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is."""
        return JudgeProvenance(
            model=self._scorer.name,
            model_hash=self._scorer.file_hash,
            provider=self._scorer.provider,
            method="token_reward",
            prompt_set=self._prompts.name,
            prompt_hash=self._prompts.content_hash,
            calibration=f"{self._calibration.name} {self._calibration.content_hash}",
        )

    def ask(self, evidence: Evidence) -> Opinion:
        """Judge how far the task is at the newest frames.

        Raises:
            BrokenImage: a keyframe cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the model failed.
        """
        content = shown(evidence, self._prompts, self._images_per_camera)
        # What was shown ends with an image, so the prompt begins a line of its own.
        wordings = [f"\n{wording}" for wording in self._prompts.wordings(evidence.task, evidence.elapsed_s)]
        scores = self._scorer.score(content, wordings, self._prompts.answer)
        return self._opinion(evidence, scores)

    def cancel(self) -> None:
        """Make the running `ask` raise `Cancelled` as soon as the model can stop."""
        self._scorer.cancel()

    def _opinion(self, evidence: Evidence, scores: Sequence[AnswerScore]) -> Opinion:
        logs = [score.log_probability for score in scores]
        if len(logs) != len(self._prompts.prompts) or any(math.isnan(log) or log > 1e-3 for log in logs):
            raise JudgeError(
                f"The model {self._scorer.name} answered {len(self._prompts.prompts)} prompts with the "
                f"log-probabilities {logs}; give it another precision or provider."
            )
        mean = statistics.fmean(logs)
        calibration = self._calibration
        if any(score.is_bound for score in scores):
            reason = f'The model only tells that the log-probability of "{self._prompts.answer}" is below {mean:.2f}.'
            return Opinion(evidence, self.provenance, reason=reason)
        spread = statistics.pstdev(logs) if len(logs) > 1 and math.isfinite(mean) else math.nan
        reason = "" if calibration.fitted else _UNFITTED
        return Opinion(
            evidence=evidence,
            provenance=self.provenance,
            progress=calibration.progress_of(mean),
            progress_low=math.nan if math.isnan(spread) else calibration.progress_of(mean - spread),
            progress_high=math.nan if math.isnan(spread) else calibration.progress_of(mean + spread),
            success_probability=calibration.success_probability_of(mean),
            raw_score=mean,
            calibrated=calibration.fitted,
            reason=reason,
        )


def shown(evidence: Evidence, prompts: PromptSet, images_per_camera: int) -> list[Content]:
    """What the model is shown: labels and frames in the order of time, cameras interleaved, their newest frames last.

    Labels count seconds from the start of the episode, so that they never change. What stands before the newest frames
    is thus the same from one question to the next, as long as the older frames are.
    """
    cameras = list(evidence.keyframes)
    older: list[Frame] = []
    newest: list[Frame] = []
    for keyframes in evidence.keyframes.values():
        *before, last = same_number(keyframes, images_per_camera)
        older += before
        newest.append(last)

    def place(frame: Frame) -> tuple[int, int]:
        return frame.stamp_ns, cameras.index(frame.camera)

    content: list[Content] = []
    for frame in (*sorted(older, key=place), *sorted(newest, key=place)):
        label = prompts.label_of(frame.camera, (frame.stamp_ns - evidence.started_ns) * 1e-9)
        if label:
            content.append(f"\n{label}" if content else label)
        content.append(frame)
    return content


def same_number(keyframes: Sequence[Keyframe], count: int) -> list[Frame]:
    """Exactly `count` frames: an even choice of more, or all with some of them repeated.

    The newest comes last and once, the oldest first.
    """
    last = len(keyframes) - 1
    if count == 1:
        return [keyframes[last].frame]
    return [keyframes[index * last // (count - 1)].frame for index in range(count)]
