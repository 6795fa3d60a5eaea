from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest
from replay.episode_bag import EpisodeBag
from replay.labels.label_page import Running, copies, running

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.labels import LabelFile, read_labels
from vlm_judge_ros.replay.labels.server import LONGEST_BODY, LabelServer
from vlm_judge_ros.replay.labels.sitting import Sitting
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode

GOOD: dict[str, Any] = {"item": 0, "score": 0.5, "success": False, "failure_mode": "SLIP", "onset_s": 0.25, "note": "x"}


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> list[BagEpisode]:
    return copies(tmp_path_factory.mktemp("four"), 4)


@pytest.fixture
def page(tmp_path: Path, four: list[BagEpisode]) -> Any:
    with running(four, tmp_path / "labels.csv") as it:
        yield it


def _read(page: Running, index: int) -> dict[str, Any]:
    while not (told := page.ask(f"episode/{index}").json)["finished"]:
        time.sleep(0.01)
    return told


def test_it_listens_on_the_loopback_interface_alone(page: Running) -> None:
    assert page.server.server_address[0] == "127.0.0.1"
    assert page.server.address == f"{page.origin}/{page.server.token}/"
    assert len(page.server.token) >= 32


def test_the_page_and_its_parts_may_load_nothing_from_elsewhere(page: Running) -> None:
    for part, kind in (("", "text/html"), ("label.css", "text/css"), ("label.js", "text/javascript")):
        reply = page.ask(part)
        assert reply.status == 200
        assert reply.headers["Content-Type"].startswith(kind)
        assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert b"http" not in reply.data


def test_pictures_of_all_cameras_come_by_number(page: Running) -> None:
    told = _read(page, 1)
    assert [camera["name"] for camera in told["cameras"]] == ["front", "wrist"]
    assert told["cameras"][0]["times_s"] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert told["duration_s"] == pytest.approx(0.5)
    assert (told["broken"], told["fault"]) == (0, "")
    pictures = {page.ask(f"picture/1/{camera}/{number}").data for camera in (0, 1) for number in range(6)}
    assert len(pictures) == 12
    assert all(picture.startswith(b"\xff\xd8\xff") for picture in pictures)


@pytest.mark.parametrize("path", ["picture/0/0/6", "picture/3/0/0"])
def test_a_picture_that_has_not_been_read_is_empty(page: Running, path: str) -> None:
    _read(page, 0)
    reply = page.ask(path)
    assert (reply.status, reply.data, reply.headers["Cache-Control"]) == (204, b"", "no-store")


def test_raw_images_are_shown_as_jpeg_too(tmp_path: Path) -> None:
    with running(copies(tmp_path, 1, EpisodeBag(duration_s=0.2, raw=True)), tmp_path / "labels.csv") as page:
        _read(page, 0)
        assert page.ask("picture/0/0/0").data.startswith(b"\xff\xd8\xff")


def test_nothing_tells_how_an_episode_ended(page: Running) -> None:
    _read(page, 0)
    for path in ("", "sitting", "episode/0"):
        data = page.ask(path).data
        assert b"episode-0" not in data
        assert b"square-moved" not in data


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "episode/9",
        "episode/-1",
        "episode/x",
        "picture/0/5/0",
        "picture/99/0/0",
        "verdict/0",
        "../label.js",
        "..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "label.js/../../server.py",
        "label.js?x",
        "page/label.html",
        "episode/99999999999999999999",
    ],
)
def test_what_is_not_there_is_not_looked_for(page: Running, path: str) -> None:
    _read(page, 0)
    reply = page.ask(path)
    assert (reply.status, reply.json["error"]) == (404, "There is nothing at this address.")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["", "sitting", "judge"])
def test_other_pages_are_refused_by_the_names_they_come_with(
    page: Running, tmp_path: Path, path: str, headers: dict[str, str]
) -> None:
    filled = {name: value.replace("{port}", str(page.server.server_port)) for name, value in headers.items()}
    reply = page.ask(path, GOOD if path == "judge" else None, filled)
    assert reply.status in (403, 421)
    assert not (tmp_path / "labels.csv").exists()


def test_a_label_without_an_origin_is_refused(page: Running, tmp_path: Path) -> None:
    assert page.ask("judge", GOOD, {"Origin": ""}).status == 403
    assert not (tmp_path / "labels.csv").exists()


def test_localhost_is_this_machine_too(page: Running) -> None:
    name = f"localhost:{page.server.server_port}"
    assert page.ask("judge", GOOD, {"Host": name, "Origin": f"http://{name}"}).status == 200


@pytest.mark.parametrize("token", ["x", "%00", "0" * 32])
def test_without_the_word_in_the_address_nothing_is_told(page: Running, token: str) -> None:
    reply = page.ask("sitting", token=token)
    assert (reply.status, set(reply.json)) == (403, {"error"})


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (GOOD, {"Content-Type": "text/plain"}, 415),
        (GOOD, {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"x" * (LONGEST_BODY + 1), {}, 413),
        (GOOD, {"Content-Length": "-1"}, 411),
        (GOOD, {"Content-Length": "99999999999999"}, 411),
        (GOOD, {"Content-Length": "1000000"}, 413),
        (GOOD, {"Transfer-Encoding": "chunked"}, 411),
        (b"{", {}, 422),
        (b"\xff", {}, 422),
        ({**GOOD, "item": -1}, {}, 422),
        ({**GOOD, "item": 99}, {}, 422),
        ({**GOOD, "score": 2}, {}, 422),
        ({**GOOD, "score": 1e999}, {}, 422),
        ({**GOOD, "onset_s": -1}, {}, 422),
        ({**GOOD, "failure_mode": "NEW"}, {}, 422),
        ({**GOOD, "success": True}, {}, 422),
        ({**GOOD, "rater": "Eve"}, {}, 422),
        ({**GOOD, "episode": "../x"}, {}, 422),
        ({**GOOD, "note": "x" * 3000}, {}, 422),
        ({"item": 0}, {}, 422),
        ({"item": 0, "better": "left"}, {}, 422),
    ],
)
def test_what_is_no_label_is_refused_in_a_sentence(
    page: Running, tmp_path: Path, body: object, headers: dict[str, str], status: int
) -> None:
    reply = page.ask("judge", body, headers)
    assert reply.status == status
    assert reply.json["error"].endswith(".")
    assert not (tmp_path / "labels.csv").exists()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD"])
def test_other_methods_are_refused(page: Running, method: str) -> None:
    assert page.ask("sitting", method=method).status == 501


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
        b"GET /" + b"x" * 70_000,
        b"\x16\3\1",
        b"GET /\xff/ HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_does_no_harm(page: Running, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", page.server.server_port), timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 16):
            pass
    assert page.ask("sitting").status == 200


def test_a_label_is_in_the_file_before_the_page_is_answered(page: Running, tmp_path: Path) -> None:
    reply = page.ask("judge", {**GOOD, "item": 2})
    key = page.sitting.items[2].keys[0]
    assert read_labels(tmp_path / "labels.csv") == (
        Label(
            episode=key, score=0.5, success=False, failure_mode=FailureMode.SLIP, onset_s=0.25, rater="Ada", note="x"
        ),
    )
    said = [item["said"] for item in reply.json["items"]]
    assert said[2]["failure_mode"] == "SLIP"
    assert said[0] is said[1] is said[3] is None


def test_a_label_is_taken_back_and_what_it_replaced_returns(page: Running, tmp_path: Path) -> None:
    page.ask("judge", {"item": 1, "score": 0.25})
    page.ask("judge", {"item": 1, "score": 0.75})
    reply = page.ask("undo", {})
    assert (reply.json["item"], reply.json["items"][1]["said"]["score"]) == (1, 0.25)
    page.ask("undo", {})
    assert read_labels(tmp_path / "labels.csv") == ()
    assert page.ask("undo", {}).json["error"].startswith("Nothing was saved in this sitting")


def test_a_file_that_somebody_broke_meanwhile_is_told_and_left_alone(page: Running, tmp_path: Path) -> None:
    page.ask("judge", GOOD)
    broken = "episode,score\nx,1,2,3\n"
    (tmp_path / "labels.csv").write_text(broken)
    reply = page.ask("judge", {**GOOD, "item": 1})
    assert reply.status == 422
    assert "line 2: the row has 4 cells" in reply.json["error"]
    assert (tmp_path / "labels.csv").read_text() == broken


def test_a_second_sitting_knows_what_the_rater_said_and_not_what_others_did(tmp_path: Path) -> None:
    episodes = copies(tmp_path, 3)
    with running(episodes, tmp_path / "labels.csv") as page:
        page.ask("judge", {**GOOD, "item": 1})
        before = page.sitting.items
    with running(list(reversed(episodes)), tmp_path / "labels.csv") as page:
        assert [item.keys for item in page.sitting.items] == [item.keys for item in before]
        assert [item["said"] is not None for item in page.ask("sitting").json["items"]] == [False, True, False]
    with running(episodes, tmp_path / "labels.csv", rater="Bob") as page:
        assert all(item["said"] is None for item in page.ask("sitting").json["items"])


def test_the_order_is_that_of_the_seed(tmp_path: Path) -> None:
    episodes = copies(tmp_path, 12)

    def order(seed: int) -> list[str]:
        sitting = Sitting(episodes, LabelFile(tmp_path / "labels.csv"), "Ada", False, seed)
        return [item.keys[0] for item in sitting.items]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert sorted(order(1)) == sorted(order(2)) == [f"episode-{number:02}" for number in range(12)]


def test_a_preference_names_the_side_that_was_shown(tmp_path: Path) -> None:
    with running(copies(tmp_path, 3), tmp_path / "labels.csv", in_pairs=True) as page:
        items = page.sitting.items
        assert {frozenset(item.keys) for item in items} == {
            frozenset({"episode-00", "episode-01"}),
            frozenset({"episode-00", "episode-02"}),
            frozenset({"episode-01", "episode-02"}),
        }
        for number, better in enumerate(("left", "right", "tie")):
            reply = page.ask("prefer", {"item": number, "better": better})
            assert reply.json["items"][number]["said"] == {"better": better}
        assert read_labels(tmp_path / "labels.csv") == (
            Label(episode=items[0].keys[0], preferred_over=items[0].keys[1], rater="Ada"),
            Label(episode=items[1].keys[1], preferred_over=items[1].keys[0], rater="Ada"),
            Label(episode=items[2].keys[0], preferred_over=f"tie:{items[2].keys[1]}", rater="Ada"),
        )
        assert page.ask("judge", GOOD).status == 422


def test_pairs_are_of_one_task(tmp_path: Path) -> None:
    one = copies(tmp_path, 1, EpisodeBag(name="a", duration_s=0.2, task="push"))
    other = copies(tmp_path, 1, EpisodeBag(name="b", duration_s=0.2, task="pull"))
    with pytest.raises(JudgeError, match="There are no two episodes of the same task to compare"):
        Sitting([*one, *other], LabelFile(tmp_path / "labels.csv"), "Ada", True, 0)


def test_a_verdict_is_only_told_when_asked_for_and_the_label_says_so(tmp_path: Path) -> None:
    asked: list[str] = []

    def verdicts(key: str) -> dict[str, Any]:
        asked.append(key)
        return {"text": "FAILED"}

    with running(copies(tmp_path, 2), tmp_path / "labels.csv", verdicts=verdicts) as page:
        page.ask("sitting")
        page.ask("judge", GOOD)
        assert asked == []
        assert page.ask("verdict/1").json == {"text": "FAILED"}
        assert asked == ["episode-01"]
        page.ask("judge", {**GOOD, "item": 1, "verdict_seen": True})
    notes = [label.note for label in read_labels(tmp_path / "labels.csv")]
    assert notes == ["x", "x The judge's verdict was shown."]


def test_films_of_episodes_that_were_left_are_read_again(tmp_path: Path) -> None:
    with running(copies(tmp_path, 6), tmp_path / "labels.csv") as page:
        for index in (*range(6), 0):
            assert len(_read(page, index)["cameras"][0]["times_s"]) == 6
            assert page.ask(f"picture/{index}/0/5").status == 200


def test_a_port_that_is_taken_is_a_sentence(page: Running) -> None:
    with pytest.raises(JudgeError, match=r"Port \d+ of 127.0.0.1 cannot be used .*; choose another one with --port"):
        LabelServer(page.server.answers, page.server.server_port)
