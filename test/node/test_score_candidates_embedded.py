"""The embedded judge chooses among predicted pictures of a bundled episode, over DDS."""

from __future__ import annotations

import array
import threading
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from bench import Bench
from judge_process import JudgeProcess
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from vlm_judge_ros import msg, srv
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.bundled import bundled_episode
from vlm_judge_ros.replay.events import events
from vlm_judge_ros.replay.recording import Recording

CAMERAS = ("front", "wrist")
SEEN = 0.25
"""Share of the episode that has happened when the policy asks."""


class Film:
    """The pictures of a bundled episode, by camera and share of its time."""

    def __init__(self, name: str) -> None:
        with Bag(bundled_episode(name)) as bag:
            recording = Recording.read(bag)
            frames = [event.content for event in events(bag, recording.topics) if isinstance(event.content, Frame)]
        self.task = recording.task
        self._shots = {camera: [it.image.rgb() for it in frames if it.camera == camera] for camera in CAMERAS}

    def at(self, camera: str, share: float) -> NDArray[np.uint8]:
        shots = self._shots[camera]
        return shots[round(share * (len(shots) - 1))]

    def candidate(self, share: float) -> msg.Candidate:
        """One that would bring the task as far as the episode was at a share of its time."""
        jpegs = [cv2.imencode(".jpg", self.at(camera, share)[:, :, ::-1])[1].tobytes() for camera in CAMERAS]
        return msg.Candidate(
            predicted_cameras=list(CAMERAS),
            predicted_times_s=[1.0, 1.0],
            predicted_images=[CompressedImage(format="jpeg", data=jpeg) for jpeg in jpegs],
        )


class Showing:
    """Plays the first part of a film at 10 Hz and then stays at its end, until closed."""

    def __init__(self, bench: Bench, namespace: str, film: Film) -> None:
        self._publishers = {
            camera: bench.node.create_publisher(Image, f"/{namespace}/{camera}/image", 10) for camera in CAMERAS
        }
        self._film = film
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        turn = 0
        while not self._ended.wait(0.1):
            turn += 1
            stamp_ns = time.time_ns()
            for camera, publisher in self._publishers.items():
                pixels = self._film.at(camera, min(turn / 20, 1.0) * SEEN)
                height, width, _ = pixels.shape
                message = Image(height=height, width=width, encoding="rgb8", step=width * 3)
                message.data = array.array("B", pixels.tobytes())
                message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
                publisher.publish(message)


@pytest.fixture
def film() -> Film:
    return Film("drawer-open_none_900005")


@pytest.fixture
def showing(bench: Bench, namespace: str, film: Film) -> Iterator[Showing]:
    showing = Showing(bench, namespace, film)
    yield showing
    showing.close()


def test_the_candidate_that_brings_the_task_furthest_is_chosen(
    bench: Bench, namespace: str, film: Film, showing: Showing, start: Callable[..., JudgeProcess]
) -> None:
    judge = start(namespace, judge="embedded")
    judge.begin(film.task)
    judge.await_progress(2)
    client = bench.node.create_client(srv.ScoreCandidates, f"/{judge.name}/score_candidates")
    shares = (SEEN, 0.5, 1.0, 0.35)
    request = srv.ScoreCandidates.Request(candidates=[film.candidate(share) for share in shares], deadline_s=60.0)
    request.header.stamp = bench.node.get_clock().now().to_msg()
    answer = bench.answer(bench.ask(client, request))
    bench.node.destroy_client(client)
    assert answer.success, answer.message
    assert [score.state for score in answer.scores] == [msg.CandidateScore.STATE_SCORED] * 4
    assert (answer.chosen, answer.abstained) == (2, False), (answer.message, [it.score for it in answer.scores])
    assert answer.provenance.model.startswith("embedded")
