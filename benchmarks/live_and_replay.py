"""How often a live run, whose answers take time, ends as the scoring of the same recording does.

    python benchmarks/live_and_replay.py --runs 2

Plays each bundled episode at its own pace to a judge node over DDS, as on a robot, and scores the same bag. Answers
come later there, and ticks lie elsewhere, so the verdicts need not be the same; what differs is counted. With
`--lockstep` the node waits for every answer, and nothing may differ. Needs ROS 2.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from vlm_judge_ros.node.live_replay import Watcher, replay_live
from vlm_judge_ros.node.own_network import own_ros_network
from vlm_judge_ros.node.player import FASTEST
from vlm_judge_ros.parameters.given import given_parameters
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.bundled import bundled_episodes
from vlm_judge_ros.replay.labels.figure import wilson_interval
from vlm_judge_ros.replay.recording import Recording
from vlm_judge_ros.replay.scoring.episode_judge import EpisodeJudge
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode
from vlm_judge_ros.replay.trace import EpisodeTrace

NOBODY = Watcher(lambda _: None, lambda _: None, lambda _: None)


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended.

    Attributes:
        state: of the last verdict.
        mode: its failure mode.
        known_s: when this state was known, in seconds of the episode.
        progress: of the judge's last answer.
        verdicts: rulings until then.
    """

    state: str
    mode: str
    known_s: float
    progress: float
    verdicts: int


def end_of(trace: EpisodeTrace) -> End:
    """How a trace ended."""
    last = trace.rulings[-1]
    begin = last
    for ruling in reversed(trace.rulings):
        if ruling.state is not last.state:
            break
        begin = ruling
    answers = [answer.progress for answer in trace.answers if not math.isnan(answer.progress)]
    progress = answers[-1] if answers else math.nan
    return End(last.state.name, last.failure_mode.name, begin.known_s, progress, len(trace.rulings))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1, help="live runs of each episode (default: %(default)s)")
    parser.add_argument("--lockstep", action="store_true", help="let the node wait for every answer")
    parser.add_argument("--episodes", nargs="*", help="names of bundled episodes (default: all)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the judge")
    parser.add_argument("--json", action="store_true", help="print the figures for programs")
    options = parser.parse_args(arguments)
    given = given_parameters(None, options.set)
    pairs: list[tuple[str, End, End]] = []
    latencies: list[float] = []
    for name, path in bundled_episodes().items():
        if options.episodes and name not in options.episodes:
            continue
        episode = BagEpisode.find(path)
        judge = EpisodeJudge(given.for_cameras(episode.description.cameras))
        scored = end_of(judge.judge(episode, []))
        judge.close()
        for _ in range(options.runs):
            rate = FASTEST if options.lockstep else 1.0
            with own_ros_network() as domain, Bag(path) as bag:
                found = Recording.read(bag)
                trace = replay_live(bag, found, NOBODY, threading.Event(), rate, given.values, domain, options.lockstep)
            latencies += [answer.latency_s for answer in trace.answers]
            pairs.append((name, scored, end_of(trace)))
            print(f"{name}: scored {scored}, live {pairs[-1][2]}", file=sys.stderr)
    if options.json:
        rows = [{"episode": name, "scored": asdict(one), "live": asdict(other)} for name, one, other in pairs]
        print(json.dumps({"episodes": rows, "latencies_s": latencies}, indent=1))
        return 0
    print("| episode | scored | live | known later live, s | progress, live minus scored | verdicts scored, live |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, one, other in pairs:
        later, gap = other.known_s - one.known_s, other.progress - one.progress
        ends = f"{one.state} {one.mode} | {other.state} {other.mode}".replace(" NONE", "")
        print(f"| {name} | {ends} | {later:+.2f} | {gap:+.3f} | {one.verdicts}, {other.verdicts} |")
    for what, hits in (
        ("final state", sum(one.state == other.state for _, one, other in pairs)),
        ("failure mode", sum(one.mode == other.mode for _, one, other in pairs)),
    ):
        low, high = wilson_interval(hits, len(pairs))
        print(f"\nSame {what}: {hits} of {len(pairs)} (95 % interval {low:.2f} to {high:.2f}).")
    told = [latency for latency in latencies if not math.isnan(latency)]
    print(f"\nAnswers took {statistics.median(told):.3f} s (median of {len(told)}), {max(told):.3f} s at most.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
