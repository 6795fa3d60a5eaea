"""Drives judging in the time of a recording, so that the same messages always give the same verdicts."""

from __future__ import annotations

from vlm_judge_ros.session.judging import CHECK_TICKS, Judging
from vlm_judge_ros.verdict.verdict import Verdict

TICK_NS = 50_000_000

LONGEST_SILENCE_TICKS = 12_000
"""What ten minutes without any input lead to has been decided; time goes on with the next input."""


class Lockstep:
    """What time does to a live node, done at moments that follow from stamps alone; answers take no time.

    A live node looks 20 times a second at what is due, whenever that happens to be, and answers come when they come. In
    here the ticks lie at whole multiples of `TICK_NS`, and nothing goes on before every question has its answer. A live
    node with the parameter `lockstep` and the scoring of recordings both go through this class.

    Before each input `advance` is called with its time; after it, `settle`.

    Args:
        judging: what is driven; nobody else calls its `tick` and `take_news`.
    """

    def __init__(self, judging: Judging) -> None:
        self._judging = judging
        self._tick = 0
        self._heard_tick = 0

    def begin(self, now_ns: int) -> None:
        """Let time begin now: what lies before is not made up for."""
        self._tick = self._heard_tick = now_ns // TICK_NS

    def advance(self, now_ns: int) -> None:
        """Let time pass up to now. Where no episode runs, or where the clock goes back, time begins anew."""
        tick = now_ns // TICK_NS
        if tick < self._tick or not self._judging.engine.episode_id:
            self.begin(now_ns)
            return
        last = min(tick, self._heard_tick + LONGEST_SILENCE_TICKS)
        while self._tick < last:
            self._tick += 1
            self._judging.ask_due(self._tick * TICK_NS)
            self._judging.await_answers(self._tick * TICK_NS)
            if self._tick % CHECK_TICKS == 0:
                self._judging.weigh(self._tick * TICK_NS)
        self._tick = tick

    def settle(self, now_ns: int) -> None:
        """Wait for the answers to what an input made somebody ask."""
        self._heard_tick = self._tick
        self._judging.await_answers(now_ns)

    def end_episode(self, episode_id: str, now_ns: int) -> Verdict:
        """Ask a last time about what was seen at the end, then end the episode; see `Judging.end_episode`.

        Raises:
            JudgeError: it is not the one that runs, or none runs.
        """
        self.advance(now_ns)
        if self._judging.engine.episode_id:
            self._judging.ask_once_more(now_ns)
            self._judging.await_answers(now_ns)
        return self._judging.end_episode(episode_id, now_ns)
