from __future__ import annotations

import base64
import json
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from models.remote.misbehaving_server import MODEL, Server, completion, never, status

from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.errors import NotRecorded, Overloaded, Refused, RemoteError
from vlm_judge_ros.models.remote.exchanges import Recorder, Recording, Request
from vlm_judge_ros.models.remote.settings import Patience, ServerSettings

_IMAGE = "data:image/jpeg;base64," + base64.b64encode(bytes(range(256)) * 4).decode()
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def _question(text: str, image: str = _IMAGE) -> dict[str, object]:
    content = [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": text}]
    return {"model": MODEL, "messages": [{"role": "user", "content": content}]}


def _settings(server: Server, **changes: object) -> ServerSettings:
    patience = Patience(backoff_s=0.01, most_retries=0)
    return ServerSettings.model_validate({"kind": "vllm", "base_url": server.base_url, "patience": patience, **changes})


def _request(body: dict[str, object]) -> Request:
    return Request("http://host/v1", "POST", "chat/completions", body)  # type: ignore[arg-type]


def test_a_recording_answers_as_the_server_did(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-secret-0123456789")
    file = tmp_path / "recording.jsonl"
    count = iter(range(100))
    server.usual = lambda _: completion(str(next(count)), top=[("True", -0.123456789012345), (" true", -3.5e-05)])
    settings = _settings(server, key_variable="SOME_KEY")
    with Client(settings, record=file) as client:
        live = [client.get("models"), *(client.post("chat/completions", _question("same")) for _ in range(3))]
        live += client.post_all("chat/completions", [_question(text) for text in "abcdef"])
    asked = len(server.received)
    monkeypatch.delenv("SOME_KEY")
    server.stop()
    with Client(settings, replay=file) as client:
        replayed = [client.get("models"), *(client.post("chat/completions", _question("same")) for _ in range(3))]
        replayed += client.post_all("chat/completions", [_question(text) for text in "abcdef"])
        assert "recording" in client.status
    assert replayed == live
    assert len(server.received) == asked
    server.start()


def test_what_failed_fails_again_in_the_same_words(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    server.next(status(500), status(404, "gone", error_code="model_not_found"))
    told: list[list[tuple[type, str]]] = []
    for places in ({"record": file}, {"replay": file}):
        with Client(_settings(server), **places) as client:
            told.append([])
            for _ in range(2):
                with pytest.raises(RemoteError) as caught:
                    client.post("chat/completions", _question("x"))
                told[-1].append((type(caught.value), str(caught.value)))
    assert isinstance(caught.value, Refused)
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")
    assert told[0] == told[1]


def test_questions_asked_together_fail_together_again(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    failing = threading.Event()

    def answer(received: object) -> object:
        if "b" in repr(received.body["messages"]):  # type: ignore[attr-defined]
            failing.set()
            return status(500)
        failing.wait(10.0)
        server.release.wait(10.0)
        return completion()

    server.usual = answer  # type: ignore[assignment]
    bodies = [{"model": MODEL, "messages": [text]} for text in ("a", "b", "c")]
    for places in ({"record": file}, {"replay": file}):
        with Client(_settings(server), **places) as client, pytest.raises(Overloaded):
            client.post_all("chat/completions", bodies)


def test_a_cancelled_question_is_cancelled_again(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    server.next(never(), completion("at last"))
    with Client(_settings(server), record=file) as client:
        threading.Thread(target=lambda: (server.wait_for(1), client.cancel())).start()
        with pytest.raises(Cancelled):
            client.post("chat/completions", _question("a"))
        live = client.post("chat/completions", _question("a"))
    with Client(_settings(server), replay=file) as client:
        with pytest.raises(Cancelled):
            client.post("chat/completions", _question("a"))
        assert client.post("chat/completions", _question("a")) == live


def test_a_request_that_is_not_in_the_recording_is_an_error(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    with Client(_settings(server), record=file) as client:
        client.post("chat/completions", _question("a"))
    other_image = _IMAGE.replace("A", "B")
    with Client(_settings(server), replay=file) as client:
        for other in (_question("b"), _question("a", other_image), {**_question("a"), "seed": 1}):
            with pytest.raises(NotRecorded, match="no answer to this request"):
                client.post("chat/completions", other)
        client.post("chat/completions", dict(reversed(_question("a").items())))
        with pytest.raises(NotRecorded, match="1 times, and no more"):
            client.post("chat/completions", _question("a"))


def test_an_image_is_kept_once_and_a_text_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    recorder = Recorder(file, None)
    prose = "Is the task done " * 100
    for number in range(3):
        recorder.write(number, _request(_question(prose)), {})
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [list(line.get("images", {}).values()) for line in lines] == [[_IMAGE], [], []]
    (digest,) = lines[0]["images"]
    for line in lines:
        shown, text = line["body"]["messages"][0]["content"]
        assert shown["image_url"]["url"] == f"image:{digest}" and text["text"] == prose


@given(bodies=st.lists(st.dictionaries(st.text(), _JSON, max_size=3), max_size=6), answer=_JSON)
def test_any_body_finds_its_answers_in_order(
    bodies: list[dict[str, object]], answer: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("any") / "recording.jsonl"
    recorder = Recorder(file, None)
    numbered = list(enumerate(bodies))
    for number, body in reversed(numbered):
        recorder.write(number, _request(body), {"number": number, "answer": answer})
    recording = Recording(file)
    for number, body in numbered:
        assert recording.answers([_request(body)]) == [{"number": number, "answer": answer}]


def test_several_recorders_append_to_one_file_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"

    def write(name: int) -> None:
        recorder = Recorder(file, None)
        for number in range(20):
            recorder.write(number, _request({"name": name, "number": number, "image": _IMAGE * 20}), {"name": name})

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recording = Recording(file)
    for name in range(4):
        request = _request({"name": name, "number": 19, "image": _IMAGE * 20})
        assert recording.answers([request]) == [{"name": name}]


def test_a_line_that_was_cut_off_is_no_exchange(tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    Recorder(file, None).write(0, _request({"a": 1}), {"answer": 1})
    with file.open("a") as opened:
        opened.write('{"version": 1, "run": "cut')
    assert Recording(file).answers([_request({"a": 1})]) == [{"answer": 1}]
    Recorder(file, None).write(0, _request({"a": 2}), {"answer": 2})
    recording = Recording(file)
    assert recording.answers([_request({"a": 1}), _request({"a": 2})]) == [{"answer": 1}, {"answer": 2}]


def test_a_recording_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    Recorder(file, None)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_files_that_cannot_be_used_are_named(server: Server, tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match=r"nowhere.*cannot be read"):
        Client(_settings(server), replay=tmp_path / "nowhere")
    with pytest.raises(JudgeError, match=r"nowhere.*cannot be written"):
        Client(_settings(server), record=tmp_path / "nowhere" / "recording.jsonl")
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"version": 2}\n')
    with pytest.raises(JudgeError, match=r"Line 1 of .*broken\.jsonl"):
        Client(_settings(server), replay=broken)
    with pytest.raises(JudgeError, match="either record or replay"):
        Client(_settings(server), record=broken, replay=broken)
