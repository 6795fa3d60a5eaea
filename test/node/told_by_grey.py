"""A judge that does what the grey of the newest picture tells it."""

from __future__ import annotations

import os
import threading

import numpy as np

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion

LONG, EXIT, HANG, REFUSE, FAIL = 201, 202, 203, 204, 205
"""Works until it is cancelled; ends its process; never answers; raises; speaks for a failure. Below: progress in %."""


def picture(grey: int) -> RawImage:
    """One edge, so that no camera counts as blocked; else only the light differs, so that all are of one scene."""
    pixels = np.full((24, 32, 3), grey, np.uint8)
    pixels[:, 16:] = grey + 40
    return RawImage(pixels.tobytes(), 32, 24, "rgb8", 96)


def frame(camera: str, stamp_ns: int, grey: int) -> Frame:
    image = picture(grey)
    return Frame(camera, stamp_ns, image, image.thumbnail)


class ToldByGrey:
    provenance = JudgeProvenance("told by grey", "0123456789abcdef", "cpu", "scripted")

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def cancel(self) -> None:
        self._stopped.set()

    def ask(self, evidence: Evidence) -> Opinion:
        grey = int(evidence.keyframes["front"][-1].frame.image.rgb()[0, 0, 0])
        if grey == LONG:
            self._stopped.clear()
            self._stopped.wait()
            raise Cancelled("The question was cancelled.")
        if grey == EXIT:
            os._exit(3)
        if grey == HANG:
            threading.Event().wait()
        if grey == REFUSE:
            raise JudgeError("It refuses.")
        return Opinion(
            evidence,
            self.provenance,
            progress=min(grey, 100) / 100,
            success_probability=0.05,
            failure_probability=0.95 if grey == FAIL else 0.02,
        )


def create(options: JudgeOptions) -> ToldByGrey:
    return ToldByGrey()
