"""The token reward: how probable a model finds the answer that says that the task is done."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from vlm_judge_ros.episode.drawing import DrawnAs
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import Calibration, load_calibration, raw_score_calibration
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.model_access import named_model, open_model
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.judges.prompt_set import DRAWN_PROMPT_SET, PromptSet, load_prompt_set
from vlm_judge_ros.judges.scored_answer import checked_logs
from vlm_judge_ros.judges.views import shown
from vlm_judge_ros.models.model import Capability, require
from vlm_judge_ros.models.scorer import AnswerScore, AnswerScorer

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
        drawn: the wordings where a path is drawn into the newest frames, "is it done after this motion?"; None where
            the judge is to say nothing of that. No calibration is fitted for these.

    Raises:
        JudgeError: the model cannot do this, the calibration was fitted for another one or another prompt set, or
            wordings are about drawn paths and should not be, or the other way round.
    """

    def __init__(
        self,
        scorer: AnswerScorer,
        prompts: PromptSet,
        calibration: Calibration,
        images_per_camera: int,
        status: str = "",
        drawn: PromptSet | None = None,
    ) -> None:
        require(scorer, {Capability.LOG_PROBABILITIES, Capability.SEVERAL_IMAGES}, "token_reward")
        calibration.check(scorer.file_hash, prompts.content_hash)
        _check_subject(prompts, False)
        if drawn is not None:
            _check_subject(drawn, True)
        self._drawn = drawn
        self._drawn_calibration = calibration if not calibration.fitted else load_calibration()
        self._scorer = scorer
        self._prompts = prompts
        self._calibration = calibration
        self._images_per_camera = images_per_camera
        self.status = status

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is."""
        return self._named(self._prompts, self._calibration)

    def ask(self, evidence: Evidence) -> Opinion:
        """Judge how far the task is at the newest frames.

        Raises:
            BrokenImage: a keyframe cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the model failed.
        """
        prompts, calibration, motion_s = self._prompts, self._calibration, 0.0
        if evidence.drawing is not None:
            if self._drawn is None or evidence.drawing.drawn_as is not DrawnAs.ALONE:
                reason = "This judge reads one drawn path at a time, and has to have words for it."
                return Opinion(evidence, self.provenance, reason=reason)
            prompts, calibration, motion_s = self._drawn, self._drawn_calibration, evidence.drawing.duration_s
        content = shown(evidence, prompts.label_of, self._images_per_camera)
        # What was shown ends with an image, so the prompt begins a line of its own.
        wordings = [f"\n{wording}" for wording in prompts.wordings(evidence.task, evidence.elapsed_s, motion_s)]
        scores = self._scorer.score(content, wordings, prompts.answer)
        return self._opinion(evidence, scores, prompts, calibration)

    def cancel(self) -> None:
        """Make the running `ask` raise `Cancelled` as soon as the model can stop."""
        self._scorer.cancel()

    def _named(self, prompts: PromptSet, calibration: Calibration) -> JudgeProvenance:
        return JudgeProvenance.of(self._scorer, "token_reward", prompts.name, prompts.content_hash, calibration.label)

    def _opinion(
        self, evidence: Evidence, scores: Sequence[AnswerScore], prompts: PromptSet, calibration: Calibration
    ) -> Opinion:
        logs = checked_logs(self._scorer, scores, len(prompts.prompts))
        mean = statistics.fmean(logs)
        provenance = self._named(prompts, calibration)
        if any(score.is_bound for score in scores):
            reason = f'The model only tells that the log-probability of "{prompts.answer}" is below {mean:.2f}.'
            return Opinion(evidence, provenance, raw_score_bound=mean, reason=reason)
        spread = statistics.pstdev(logs) if len(logs) > 1 and math.isfinite(mean) else math.nan
        reason = "" if calibration.fitted else _UNFITTED
        return Opinion(
            evidence=evidence,
            provenance=provenance,
            progress=calibration.progress_of(mean),
            progress_low=math.nan if math.isnan(spread) else calibration.progress_of(mean - spread),
            progress_high=math.nan if math.isnan(spread) else calibration.progress_of(mean + spread),
            success_probability=calibration.success_probability_of(mean),
            raw_score=mean,
            calibrated=calibration.fitted,
            reason=reason,
        )


def _check_subject(prompts: PromptSet, drawn: bool) -> None:
    if prompts.about_drawn_paths is not drawn:
        subject = "drawn paths" if prompts.about_drawn_paths else "what the cameras saw"
        raise JudgeError(
            f"The prompt set {prompts.name} is about {subject}, and is given for the other; its prompts have "
            "{motion_s} for drawn paths, and do not have it else."
        )


def create(options: JudgeOptions) -> TokenRewardJudge:
    """Make the judge `token_reward`; what the options leave open is as a known model wants it.

    Raises:
        ModelBroken: the model cannot be used.
        JudgeError: an option cannot be used.
    """
    known = named_model(options, "token_reward")
    # What costs nothing to check comes before what takes a while to load.
    prompts = load_prompt_set(options.prompts or (known.prompts if known else ""))
    drawn = load_prompt_set(DRAWN_PROMPT_SET)
    given = raw_score_calibration(options.calibration)
    calibration = given or load_calibration(known.calibration if known else "")
    opened = open_model(options, "token_reward")
    return TokenRewardJudge(opened.model, prompts, calibration, options.images_per_camera, opened.status, drawn)
