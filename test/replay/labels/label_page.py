"""A running page for labelling, and requests to it that no browser would send."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from replay.episode_bag import EpisodeBag

from vlm_judge_ros.replay.labels.answers import Answers, Verdicts
from vlm_judge_ros.replay.labels.labels import LabelFile
from vlm_judge_ros.replay.labels.server import LabelServer
from vlm_judge_ros.replay.labels.sitting import Sitting
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode


@dataclass(frozen=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    data: bytes

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.data)
        return content


class Running:
    def __init__(self, server: LabelServer, sitting: Sitting) -> None:
        self.server = server
        self.sitting = sitting
        self.origin = f"http://127.0.0.1:{server.server_port}"

    def ask(
        self, path: str, body: object = None, headers: dict[str, str] | None = None, method: str = "", token: str = ""
    ) -> Reply:
        """Ask as the page does; `headers` replace those of the page, those that are empty are left out."""
        data = json.dumps(body).encode() if body is not None and not isinstance(body, bytes) else body
        sent = {"Host": self.origin.removeprefix("http://")}
        if data is not None:
            sent |= {"Origin": self.origin, "Content-Type": "application/json", "Content-Length": str(len(data))}
        sent |= headers or {}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=60)
        try:
            connection.putrequest(
                method or ("GET" if data is None else "POST"),
                f"/{token or self.server.token}/{path}",
                skip_host=True,
                skip_accept_encoding=True,
            )
            for name, value in sent.items():
                if value:
                    connection.putheader(name, value)
            connection.endheaders(data)
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()


@contextmanager
def running(
    episodes: Sequence[BagEpisode],
    out: Path,
    in_pairs: bool = False,
    verdicts: Verdicts | None = None,
    rater: str = "Ada",
    seed: int = 0,
) -> Iterator[Running]:
    sitting = Sitting(episodes, LabelFile(out), rater, in_pairs, seed)
    answers = Answers(sitting, verdicts)
    server = LabelServer(answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Running(server, sitting)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        answers.close()


def copies(folder: Path, count: int, bag: EpisodeBag | None = None) -> list[BagEpisode]:
    """One short bag under many keys."""
    episode = BagEpisode.find((bag or EpisodeBag(duration_s=0.5)).write(folder))
    described = episode.description
    return [replace(episode, description=replace(described, key=f"episode-{number:02}")) for number in range(count)]
