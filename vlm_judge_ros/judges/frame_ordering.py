"""Frame ordering: a model gives the progress of every moment of an episode without knowing the order of the moments.

It cannot count on time, because it does not see it: what it says of a moment has to come from the images.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import Calibration, raw_score_calibration
from vlm_judge_ros.judges.context import ContextSource, ExampleContext, PromptNames, content_of
from vlm_judge_ros.judges.cue_list import CueList, load_cues
from vlm_judge_ros.judges.example_context import most_images, open_examples, status_of, text_tokens
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.model_access import open_model
from vlm_judge_ros.judges.named_file import content_hash, load
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.judges.ordering_answer import OrderingAnswer
from vlm_judge_ros.judges.ordering_prompt import FrameOrderingPrompt
from vlm_judge_ros.judges.time_order import order_correlation
from vlm_judge_ros.judges.told import told
from vlm_judge_ros.judges.views import instants
from vlm_judge_ros.judges.written_answer import Unparsable, ask_for
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER
from vlm_judge_ros.models.model import Capability, require
from vlm_judge_ros.models.scorer import Content
from vlm_judge_ros.models.writer import LARGEST_SEED, Writer, Writing

METHOD = "frame_ordering"
DEFAULT_PROMPT = "frame-ordering-v1"

_TOKENS_OF_A_MOMENT = 80
_TOKENS_BESIDE = 200


@dataclass(frozen=True, slots=True)
class Curve:
    """What a model gave for the moments of an episode, in the order of time.

    Attributes:
        stamps_ns: of the moments.
        progress: 0 to 1; that of the first moment was given to the model.
        descriptions: what it wrote of each moment; empty for the first.
        seed: of the order in which it was shown the moments, and of the sampling.
    """

    stamps_ns: tuple[int, ...]
    progress: tuple[float, ...]
    descriptions: tuple[str, ...]
    seed: int


class FrameOrderingJudge:
    """Shows a model the moments of an episode in random order and asks for the progress of each.

    The answer for the newest moment, before calibration, is the raw score. Without a calibration it is progress too.
    Whether the task is complete it cannot say without one.

    Args:
        writer: the model.
        prompt: how it is asked.
        cues: how failures look; None to leave that out.
        moments: most moments, at least 2.
        context_of: what it is told before an episode of a task; None for nothing.
        calibration: what raw scores mean; None to take them as they are. One that was not fitted is refused.
        seed: decides the orders, together with the evidence.
        samples: how often it is asked, each time in another order, at least 1.
        status: one sentence about how the model runs.

    Raises:
        JudgeError: the model cannot do this, or an argument is out of range.
    """

    def __init__(
        self,
        writer: Writer,
        prompt: FrameOrderingPrompt,
        cues: CueList | None = None,
        moments: int = 8,
        context_of: ContextSource | None = None,
        calibration: Calibration | None = None,
        seed: int = 0,
        samples: int = 1,
        status: str = "",
    ) -> None:
        require(writer, {Capability.TEXT, Capability.SEVERAL_IMAGES}, METHOD)
        if moments < 2:
            raise JudgeError(
                f"The judge {METHOD} compares moments, and {moments} image of each camera is too few; give more."
            )
        if samples < 1:
            raise JudgeError(f"samples is {samples}; give at least 1.")
        if context_of is not None or cues is not None:
            prompt.require_context()
        names = PromptNames(prompt.name, content_hash(prompt, cues) if cues is not None else content_hash(prompt))
        self._names = names if context_of is None else context_of.names(names)
        if calibration is not None:
            if not calibration.fitted:
                raise JudgeError(
                    f"The calibration {calibration.name} is not fitted, and the judge {METHOD} gives progress without "
                    "one; leave the parameter calibration empty."
                )
            calibration.check(writer.file_hash, self._names.prompt_hash)
        self._writer = writer
        self._prompt = prompt
        self._cues = cues.sentences if cues is not None else ()
        self._moments = moments
        self._context_of = context_of
        self._calibration = calibration
        self._seed = seed
        self._samples = samples
        self.status = status

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is."""
        names = self._names
        label = self._calibration.label if self._calibration is not None else ""
        return JudgeProvenance.of(self._writer, METHOD, names.prompt_set, names.prompt_hash, label, self._seed)

    def ask(self, evidence: Evidence) -> Opinion:
        """Judge how far the task is at the newest frames.

        Raises:
            BrokenImage: a keyframe cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the model failed.
        """
        if len(instants(evidence, self._moments)) < 2:
            reason = "There is one moment so far, and its progress is given; it takes a second one to judge."
            return Opinion(evidence, self.provenance, reason=reason)
        answers = self.curves(evidence)
        curves = [answer for answer in answers if isinstance(answer, Curve)]
        unparsable = [answer for answer in answers if isinstance(answer, Unparsable)]
        if not curves:
            return Opinion(evidence, self.provenance, reason=unparsable[0].reason, unparsable=True)
        return self._opinion(evidence, curves, unparsable)

    def cancel(self) -> None:
        """Make the running `ask` raise `Cancelled` as soon as the model can stop."""
        self._writer.cancel()

    def curves(self, evidence: Evidence, temperature: float = 0.0) -> list[Curve | Unparsable]:
        """Have every moment judged, once for each sample; evidence of one moment gives none.

        Args:
            evidence: the moments.
            temperature: of the sampling, whose seed is that of the order; 0 for the most probable answers.

        Raises:
            BrokenImage: a keyframe cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the model failed.
        """
        moments = instants(evidence, self._moments)
        if len(moments) < 2:
            return []
        seeds = [order_seed(self._seed, sample, evidence, moments) for sample in range(self._samples)]
        return [self._curve(evidence, moments, seed, temperature) for seed in seeds]

    def _curve(
        self, evidence: Evidence, moments: Sequence[tuple[Frame, ...]], seed: int, temperature: float
    ) -> Curve | Unparsable:
        order = list(range(1, len(moments)))
        random.Random(seed).shuffle(order)
        count = len(order)
        writing = replace(self._writing(evidence, moments, order), temperature=temperature, seed=seed & LARGEST_SEED)
        read = ask_for(OrderingAnswer, self._writer, writing, self._prompt, context={"count": count})
        if isinstance(read, Unparsable):
            return read
        # The entry of number n is about the moment that was shown in place n.
        by_moment = dict(zip(order, read.answer.by_moment, strict=True))
        entries = [by_moment[moment] for moment in range(1, len(moments))]
        return Curve(
            stamps_ns=tuple(frames[0].stamp_ns for frames in moments),
            progress=(0.0, *(entry.percent / 100.0 for entry in entries)),
            descriptions=("", *(told(entry.description) for entry in entries)),
            seed=seed,
        )

    def _writing(self, evidence: Evidence, moments: Sequence[tuple[Frame, ...]], order: Sequence[int]) -> Writing:
        prompt, count = self._prompt, len(order)
        content = self._context(evidence.task)
        content.append(f"\n{prompt.first.format(task=evidence.task).strip()}")
        content += self._shown(evidence, 0, moments[0])
        content.append(f"\n{prompt.others.format(count=count).strip()}")
        for number, moment in enumerate(order, start=1):
            content += self._shown(evidence, number, moments[moment])
        elapsed_s = f"{evidence.elapsed_s:.1f}"
        content.append(f"\n{prompt.question.format(task=evidence.task, elapsed_s=elapsed_s, count=count)}")
        most_tokens = _TOKENS_OF_A_MOMENT * count + _TOKENS_BESIDE
        return Writing(tuple(content), instruction=prompt.instruction, most_tokens=most_tokens)

    def _context(self, task: str) -> list[Content]:
        context = self._context_of(task) if self._context_of is not None else ExampleContext()
        context = replace(context, cues=(*self._cues, *context.cues))
        return content_of(context, self._prompt.require_context()) if not context.empty else []

    def _shown(self, evidence: Evidence, number: int, frames: tuple[Frame, ...]) -> list[Content]:
        content: list[Content] = []
        for frame in frames:
            seconds = (frame.stamp_ns - evidence.started_ns) * 1e-9
            content += [f"\n{self._prompt.numbered_label(number, frame.camera, seconds)}", frame]
        return content

    def _opinion(self, evidence: Evidence, curves: Sequence[Curve], unparsable: Sequence[Unparsable]) -> Opinion:
        newest = [curve.progress[-1] for curve in curves]
        raw = statistics.fmean(newest)
        calibration = self._calibration
        several = len(curves) > 1
        return Opinion(
            evidence=evidence,
            provenance=self.provenance,
            progress=self._progress(raw),
            progress_low=self._progress(min(newest)) if several else math.nan,
            progress_high=self._progress(max(newest)) if several else math.nan,
            success_probability=calibration.success_probability_of(raw) if calibration is not None else math.nan,
            raw_score=raw,
            calibrated=calibration is not None,
            reason=_reason(curves, unparsable),
            curve=_mean(curves),
        )

    def _progress(self, raw: float) -> float:
        return self._calibration.progress_of(raw) if self._calibration is not None else raw


def order_seed(seed: int, sample: int, evidence: Evidence, moments: Sequence[tuple[Frame, ...]]) -> int:
    """Seed of an order: the same for the same frames of the same task, wherever and whenever they are judged."""
    shown = [[frame.camera, frame.stamp_ns - evidence.started_ns] for frames in moments for frame in frames]
    text = json.dumps([seed, sample, evidence.task, shown])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


def _mean(curves: Sequence[Curve]) -> tuple[tuple[int, float], ...]:
    values = zip(*(curve.progress for curve in curves), strict=True)
    return tuple(zip(curves[0].stamps_ns, (statistics.fmean(value) for value in values), strict=True))


def _reason(curves: Sequence[Curve], unparsable: Sequence[Unparsable]) -> str:
    values = [value for _, value in _mean(curves)[1:]]
    correlation = order_correlation(values)
    order = "without an order" if math.isnan(correlation) else f"with a correlation of {correlation:.2f} with time"
    reason = f'{len(values)} moments {order}; of the newest it wrote: "{curves[0].descriptions[-1]}"'
    if unparsable:
        asked = len(curves) + len(unparsable)
        reason += f" {len(unparsable)} of {asked} answers are unparsable: {unparsable[0].reason}"
    return reason


def create(options: JudgeOptions) -> FrameOrderingJudge:
    """Make the judge `frame_ordering`.

    Raises:
        ModelBroken: the model cannot be used.
        JudgeError: an option cannot be used.
    """
    # What costs nothing to check comes before what takes a while to load.
    prompt = load(FrameOrderingPrompt, "prompt", options.prompts or DEFAULT_PROMPT, SHIPPED_FOLDER)
    cues = load_cues(prompt.failure_cues) if prompt.failure_cues else None
    calibration = raw_score_calibration(options.calibration)
    examples = open_examples(options, METHOD, prompt)
    opened = open_model(options, METHOD, most_images(options, examples), text_tokens(options, examples))
    return FrameOrderingJudge(
        opened.model,
        prompt,
        cues,
        moments=options.images_per_camera,
        context_of=examples,
        calibration=calibration,
        seed=options.seed,
        samples=options.samples,
        status=status_of(opened.status, examples),
    )
