"""The service ~/score_candidates, whose answer comes while everything else goes on."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future

from vlm_judge_ros import srv
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.candidates import NOBODY, fill, order_of, scoring_request
from vlm_judge_ros.node.refusals import LONGEST_TEXT, Refusals
from vlm_judge_ros.session.judging import Judging
from vlm_judge_ros.steering.request import ScoringAnswer

_SOURCE = "service ~/score_candidates"


class ScoringService:
    """Takes requests and answers each when its answer is there.

    Its callback is a coroutine: rclpy resumes it after the answer has been set, and goes on with all other callbacks
    meanwhile. The group of its own lets it take a newer request while an older one waits. The service lives as long as
    the node, because rclpy cannot answer by one that was destroyed.

    Args:
        node: offers the service.
        refusals: counts what is refused.
        now_ns: the node clock.
        default_deadline_s: seconds that a caller waits who does not say.
    """

    def __init__(
        self, node: Node, refusals: Refusals, now_ns: Callable[[], int], default_deadline_s: Callable[[], float]
    ) -> None:
        self._refusals = refusals
        self._now_ns = now_ns
        self._default_deadline_s = default_deadline_s
        self._judging: Judging | None = None
        self._lockstep = False
        group = ReentrantCallbackGroup()
        self._service = node.create_service(
            srv.ScoreCandidates, "~/score_candidates", self._score, callback_group=group
        )

    def attach(self, judging: Judging, lockstep: bool) -> None:
        """Answer from now on by this; in lockstep by a refusal."""
        self._judging, self._lockstep = judging, lockstep

    def detach(self) -> None:
        """Refuse from now on."""
        self._judging = None

    async def _score(self, request: Any, response: Any) -> Any:
        try:
            order = order_of(request)
            answer: Future[ScoringAnswer | JudgeError] = Future()
            self._begin(request, order, answer.set_result)
            outcome = await answer
            if isinstance(outcome, ScoringAnswer):
                fill(response, outcome, order)
                return response
            sentence = str(outcome)
        except JudgeError as error:
            sentence = str(error)
        except Exception as error:  # whatever a stranger sends, the cameras are to be watched on
            traceback.print_exc()
            sentence = f"It could not be taken ({type(error).__name__}: {error}); this is a bug."
        self._refusals.add(_SOURCE, sentence)
        response.success, response.message = False, sentence[:LONGEST_TEXT]
        response.chosen, response.abstained = NOBODY, True
        return response

    def _begin(self, request: Any, order: tuple[int, ...], done: Callable[[ScoringAnswer | JudgeError], None]) -> None:
        judging = self._judging
        if judging is None:
            raise JudgeError("The node is not configured; configure and activate it first.")
        if self._lockstep:
            raise JudgeError("The node is in lockstep with a recording, where nothing can be steered any more.")
        wanted = scoring_request(request, order, judging.scoring.options.bounds, self._default_deadline_s())
        judging.score_candidates(wanted, self._now_ns(), done)
