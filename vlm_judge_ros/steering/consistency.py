"""Does what a candidate shows continue what is seen now?

Pictures are compared small and grey, after the light of one was fitted to that of the other, in two ways:

- *background*: the median change of all places. In the view of a camera that stands still most of the scene stays as it
  is, however far the prediction looks ahead; another scene, or the same one seen from elsewhere, changes nearly all.
- *elsewhere*: the mean change away from where something moved shortly before. Things go on from where they are; an
  object that lies in another place, or an arm that is elsewhere at once, changes places that nothing was near.

What is allowed is the larger of a floor and of what the camera itself has shown between its last keyframes. A camera
that moves along with the robot sees everything change as soon as that moves, so it is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pydantic
from numpy.typing import NDArray

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import ImageSource, Keyframe
from vlm_judge_ros.steering.candidate import Candidate

Picture = NDArray[np.float32]
Places = NDArray[np.bool_]

SIZE = (64, 48)
"""Width and height at which pictures are compared: noise of a pixel is gone, and a hand-sized object is not."""

_NOISE_FACTOR = 1.5

_LEAST_GAP_S = 0.05
_LEAST_MOVED_SHARE = 0.02
_TRIMMED_SHARE = 0.7
_MOST_GAIN = 2.0


class ConsistencyRules(pydantic.BaseModel):
    """What a prediction may change. Changes are in grey levels, 0 to 255, of pictures of 64 x 48.

    Attributes:
        moving: cameras that move along with the robot; they are not looked at.
        memory_s: how far back the scene's own motion is looked at; at least the last three keyframes count.
        background: median change of the whole picture that is allowed at least.
        elsewhere: mean change away from recent motion that is allowed at least, at once.
        elsewhere_per_s: what is allowed more for each second that a prediction looks ahead.
        from_rest: mean change that is allowed where nothing moved recently, at once; a robot may start anywhere.
        from_rest_per_s: what is allowed more for each second.
        moved: change of a place that counts as motion.
        reach: how far around a place that moved is still near it, as a share of the picture's width.
        growth: how many times what was really seen recently a prediction may change.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    moving: tuple[str, ...] = ("wrist",)
    memory_s: float = pydantic.Field(default=2.0, gt=0.0, le=60.0)
    background: float = pydantic.Field(default=3.0, ge=0.0, le=255.0)
    elsewhere: float = pydantic.Field(default=0.03, ge=0.0, le=255.0)
    elsewhere_per_s: float = pydantic.Field(default=0.5, ge=0.0, le=255.0)
    from_rest: float = pydantic.Field(default=3.0, ge=0.0, le=255.0)
    from_rest_per_s: float = pydantic.Field(default=10.0, ge=0.0, le=255.0)
    moved: float = pydantic.Field(default=4.0, gt=0.0, le=255.0)
    reach: float = pydantic.Field(default=0.08, ge=0.0, le=0.5)
    growth: float = pydantic.Field(default=1.5, ge=1.0, le=100.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """What changed from one picture to the next.

    Attributes:
        gap_s: seconds between them.
        background: median change.
        elsewhere: mean change away from where something moved before; NaN where nothing had moved.
        overall: mean change.
        moved: places that changed.
    """

    gap_s: float
    background: float
    elsewhere: float
    overall: float
    moved: Places


class SceneNow:
    """What the cameras see now, and how much it changed recently; made once and held against all candidates.

    Args:
        evidence: what really happened.
        rules: what a prediction may change.

    Raises:
        BrokenImage: a keyframe cannot be decoded.
    """

    def __init__(self, evidence: Evidence, rules: ConsistencyRules) -> None:
        self._rules = rules
        self._views = {
            camera: _View(keyframes, rules)
            for camera, keyframes in evidence.keyframes.items()
            if camera not in rules.moving
        }

    def doubt(self, candidate: Candidate, from_ns: int) -> str:
        """Why a candidate does not continue what is seen, one sentence; empty where it does.

        Raises:
            BrokenImage: a predicted frame cannot be decoded.
        """
        for camera, view in self._views.items():
            frames = sorted((frame for frame in candidate.frames if frame.camera == camera), key=lambda each: each.at_s)
            reason = view.doubt([(frame.at_s, picture_of(frame.image)) for frame in frames], from_ns)
            if reason:
                return f"Camera {camera} {reason}"
        return ""


class _View:
    """One camera: its picture of now, and what its last keyframes allow."""

    def __init__(self, keyframes: Sequence[Keyframe], rules: ConsistencyRules) -> None:
        self._rules = rules
        newest_ns = keyframes[-1].frame.stamp_ns
        since_ns = newest_ns - rules.memory_s * 1e9
        recent = [
            keyframe.frame
            for index, keyframe in enumerate(keyframes)
            if keyframe.frame.stamp_ns >= since_ns or index >= len(keyframes) - 3
        ]
        self._now = picture_of(recent[-1].image)
        self._now_ns = newest_ns
        pictures = [picture_of(frame.image) for frame in recent[:-1]] + [self._now]
        self._moved = np.zeros(self._now.shape, dtype=np.bool_)
        self._seen: list[_Step] = []
        for index in range(1, len(pictures)):
            gap_s = (recent[index].stamp_ns - recent[index - 1].stamp_ns) * 1e-9
            step = _step(pictures[index - 1], pictures[index], gap_s, self._moved, rules)
            self._seen.append(step)
            self._moved |= step.moved

    def doubt(self, predicted: Sequence[tuple[float, Picture]], from_ns: int) -> str:
        before, before_ns = self._now, float(self._now_ns)
        moved = self._moved
        for at_s, picture in predicted:
            stamp_ns = from_ns + at_s * 1e9
            words = f"would show {{}} {at_s:.2f} s after the start: {{}}."
            whole = _step(self._now, picture, (stamp_ns - self._now_ns) * 1e-9, moved, self._rules)
            allowed = self._allowed_background(whole.gap_s)
            if whole.background > allowed:
                return words.format(
                    "another scene",
                    f"most of the picture changes by {whole.background:.1f} grey levels, and {allowed:.1f} are allowed",
                )
            step = whole
            if before is not self._now:
                step = _step(before, picture, (stamp_ns - before_ns) * 1e-9, moved, self._rules)
            changed, allowed, where = self._jump(step)
            if changed > allowed:
                since = "what is seen now" if before is self._now else "the predicted frame before"
                return words.format(
                    f"a jump from {since}",
                    f"{where} the picture changes by {changed:.2f} grey levels, and {allowed:.2f} are allowed",
                )
            before, before_ns, moved = picture, stamp_ns, moved | step.moved
        return ""

    def _allowed_background(self, gap_s: float) -> float:
        seen = (step.background * max(1.0, gap_s / step.gap_s) for step in self._seen)
        return max(self._rules.background, self._rules.growth * max(seen, default=0.0))

    def _jump(self, step: _Step) -> tuple[float, float, str]:
        """What changed, what is allowed, and where."""
        rules = self._rules
        if np.isnan(step.elsewhere):
            allowed = rules.from_rest + rules.from_rest_per_s * step.gap_s
            seen = [each.overall * max(1.0, step.gap_s / each.gap_s) for each in self._seen]
            return step.overall, max([allowed, *(rules.growth * each for each in seen)]), "where nothing moved before,"
        allowed = rules.elsewhere + rules.elsewhere_per_s * step.gap_s
        seen = [each.elsewhere * max(1.0, step.gap_s / each.gap_s) for each in self._seen if each.elsewhere >= 0.0]
        return step.elsewhere, max([allowed, *(rules.growth * each for each in seen)]), "away from all that moved"


def picture_of(image: ImageSource) -> Picture:
    """An image small and grey, shape (48, 64).

    Raises:
        BrokenImage: it cannot be decoded.
    """
    return np.asarray(cv2.resize(image.grey(), SIZE, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _step(before: Picture, after: Picture, gap_s: float, moved: Places, rules: ConsistencyRules) -> _Step:
    change = cv2.blur(np.abs(before - _in_light_of(before, after)), (3, 3))
    background = float(np.median(change))
    # What changes everywhere is noise, or compression, and says nothing of any place.
    change = np.maximum(change - _NOISE_FACTOR * background, 0.0)
    elsewhere = float("nan")
    if moved.mean() >= _LEAST_MOVED_SHARE:
        side = 2 * round(rules.reach * SIZE[0]) + 1
        near = cv2.dilate(moved.astype(np.uint8), np.ones((side, side), dtype=np.uint8))
        elsewhere = float(np.mean(change * (near == 0)))
    return _Step(
        max(gap_s, _LEAST_GAP_S),
        background,
        elsewhere,
        float(change.mean()),
        np.asarray(change > rules.moved, dtype=np.bool_),
    )


def _in_light_of(reference: Picture, picture: Picture) -> Picture:
    """The picture with the brightness and contrast of another, fitted to the part of it that fits best."""
    wanted, given = reference.ravel(), picture.ravel()
    gain, offset = 1.0, 0.0
    kept = np.ones(given.shape, dtype=np.bool_)
    last = int(_TRIMMED_SHARE * (given.size - 1))
    for _ in range(2):
        x, y = given[kept], wanted[kept]
        spread = float(x.var())
        if spread > 1.0:
            gain = float(((x - x.mean()) * (y - y.mean())).mean()) / spread
        gain = min(max(gain, 1.0 / _MOST_GAIN), _MOST_GAIN)
        offset = float(y.mean()) - gain * float(x.mean())
        misfit = np.abs(wanted - (gain * given + offset))
        kept = misfit <= np.partition(misfit, last)[last]
    return np.asarray(np.clip(gain * picture + offset, 0.0, 255.0), dtype=np.float32)
