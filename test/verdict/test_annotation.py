"""The picture for a person who watches."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vlm_judge_ros import __version__
from vlm_judge_ros.verdict.annotation import annotate
from vlm_judge_ros.verdict.verdict import Provenance, State, Verdict


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("progress", [None, 0.0, 1.0])
def test_every_state_can_be_drawn_on_an_image_of_any_size(state: State, progress: float | None) -> None:
    verdict = Verdict(
        stamp_ns=1,
        state=state,
        progress=progress,
        reason="Café: " + 30 * "a long sentence ",
        provenance=Provenance(software_version=__version__),
    )
    for size in ((480, 640), (1, 1), (90, 160)):
        jpeg = annotate(np.full((*size, 3), 90, np.uint8), verdict)
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape[1] == 640
