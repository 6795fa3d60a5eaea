"""The key reaches the server and nothing else."""

from __future__ import annotations

import gc
import logging
import pickle
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from models.remote.misbehaving_server import (
    MODEL,
    Reply,
    Server,
    completion,
    half,
    large,
    never,
    not_json,
    redirect,
    serving,
    status,
    too_many,
)

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.settings import Patience, ServerKind, ServerSettings

_SECRET = "sk-secret-0123456789abcdef"
_QUESTION = {"model": MODEL, "messages": [{"role": "user", "content": f"Is {_SECRET} a key?"}]}
_FOREIGN = {
    "OPENAI_API_KEY": "sk-foreign-key",
    "OPENAI_ADMIN_KEY": "sk-foreign-admin",
    "OPENAI_BASE_URL": "http://foreign.invalid/v1",
    "OPENAI_ORG_ID": "foreign-organization",
    "OPENAI_PROJECT_ID": "foreign-project",
    "OPENAI_CUSTOM_HEADERS": "X-Foreign: foreign-header\nAuthorization: Bearer foreign-header",
    "AZURE_OPENAI_API_KEY": "foreign-azure-key",
    "AZURE_OPENAI_AD_TOKEN": "foreign-azure-token",
    "AZURE_OPENAI_ENDPOINT": "http://foreign.invalid",
    "OPENAI_API_VERSION": "foreign-version",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
}


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", _SECRET)
    for name, value in _FOREIGN.items():
        monkeypatch.setenv(name, value)


def _settings(server: Server, **changes: object) -> ServerSettings:
    patience = Patience(timeout_s=0.5, backoff_s=0.01, longest_backoff_s=0.01, most_retries=1)
    usual = {"kind": "openai", "base_url": server.base_url, "key_variable": "SOME_KEY", "patience": patience}
    return ServerSettings.model_validate({**usual, **changes})


def _shown_by(error: BaseException) -> Iterator[str]:
    """What an error shows, and whatever it came from."""
    yield "".join(traceback.format_exception(error))
    found: BaseException | None = error
    while found is not None:
        yield f"{found!r} {found} {vars(found)!r}"
        yield repr(pickle.dumps(found))
        found = found.__cause__ or found.__context__


_TELLS_THE_KEY = f"Incorrect API key provided: {_SECRET}."


@pytest.mark.parametrize(
    "reply",
    [
        status(401, _TELLS_THE_KEY, error_code=_SECRET),
        status(400, "x" * 190 + _SECRET),
        status(500, _TELLS_THE_KEY),
        Reply(_TELLS_THE_KEY.encode(), 502),
        Reply({"error": {"message": _TELLS_THE_KEY}}),
        too_many(_SECRET),
        redirect(f"http://{_SECRET}.example/{_SECRET}"),
        not_json(),
        Reply(f'{{"a": {_SECRET}}}'.encode()),
        half(completion()),
        large(),
        never(),
    ],
)
def test_no_failure_shows_the_key(
    server: Server, reply: Reply, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    server.usual = lambda _: reply
    record = tmp_path / "recording.jsonl"
    with Client(_settings(server), record=record) as client:
        with pytest.raises(JudgeError) as caught:
            client.post("chat/completions", _QUESTION)
        shown = [*_shown_by(caught.value), client.status, repr(client), repr(client.usage), caplog.text]
    shown += [record.read_text(), *capfd.readouterr(), *(repr(entry.__dict__) for entry in caplog.records)]
    for text in shown:
        assert _SECRET not in text and _SECRET[:12] not in text
    assert all(one.headers["authorization"] == f"Bearer {_SECRET}" for one in server.received)


def test_an_answer_that_tells_the_key_is_given_without_it(server: Server, tmp_path: Path) -> None:
    server.next(completion(f"The key is {_SECRET}."))
    record = tmp_path / "recording.jsonl"
    with Client(_settings(server), record=record) as client:
        answer = client.post("chat/completions", _QUESTION)
    assert answer["choices"][0]["message"]["content"] == "The key is [key]."
    with Client(_settings(server), replay=record) as client:
        assert client.post("chat/completions", _QUESTION) == answer
    assert _SECRET not in record.read_text() and "uthorization" not in record.read_text()


def test_a_client_is_not_pickled(server: Server) -> None:
    with Client(_settings(server)) as client:
        client.get("models")
        with pytest.raises(TypeError):
            pickle.dumps(client)


def test_no_object_but_the_key_holds_the_key_between_calls(server: Server) -> None:
    with Client(_settings(server)) as client:
        client.post("chat/completions", {"model": MODEL})
        server.received.clear()
        gc.collect()
        holders = [
            found
            for found in gc.get_objects()
            if type(found) in (dict, list, tuple) and len(found) < 1000 and f"Bearer {_SECRET}" in _texts(found)
        ]
    assert holders == []


def _texts(found: object) -> list[str]:
    entries = list(found.values()) if isinstance(found, dict) else list(found)  # type: ignore[call-overload]
    return [entry for entry in entries if type(entry) is str]


def test_a_redirect_takes_the_key_nowhere(server: Server) -> None:
    with serving() as other:
        for code in (301, 302, 303, 307, 308):
            server.next(redirect(other.base_url + "/chat/completions", code))
            with Client(_settings(server)) as client, pytest.raises(JudgeError, match=f"{code}, to 127"):
                client.post("chat/completions", _QUESTION)
        assert other.received == []


@pytest.mark.parametrize("kind", list(ServerKind))
@pytest.mark.parametrize("variable", ["SOME_KEY", ""])
@pytest.mark.parametrize("api_version", ["", "2024-10-21"])
def test_nothing_comes_from_variables_of_others(
    server: Server, kind: ServerKind, variable: str, api_version: str
) -> None:
    server.models = (MODEL,)
    settings = _settings(server, kind=kind, key_variable=variable, api_version=api_version)
    if kind is ServerKind.AZURE:
        settings = settings.model_copy(update={"base_url": server.address})
    with Client(settings) as client:
        assert client.post("chat/completions", {"model": MODEL})["choices"]
    (received,) = server.received
    assert "oreign" not in repr(received)
    sent = {name: received.headers.get(name) for name in ("authorization", "api-key")}
    if not variable:
        assert sent == {"authorization": None, "api-key": None}
    elif kind is ServerKind.AZURE:
        assert sent == {"authorization": None, "api-key": _SECRET}
    else:
        assert sent == {"authorization": f"Bearer {_SECRET}", "api-key": None}
    paths = {
        (True, ""): "/openai/v1/chat/completions",
        (True, "2024-10-21"): f"/openai/deployments/{MODEL}/chat/completions?api-version=2024-10-21",
    }
    assert received.path == paths.get((kind is ServerKind.AZURE, api_version), "/v1/chat/completions")


def test_a_key_that_goes_over_the_network_in_the_open_is_refused(server: Server) -> None:
    with pytest.raises(JudgeError, match="use https"):
        Client(_settings(server, base_url="http://api.openai.com/v1"))
    client = Client(_settings(server, base_url="http://workstation:8000/v1"))
    assert "unencrypted" in client.status
    client.close()


def test_a_key_file_that_all_can_read_is_warned_about_in_the_status(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(_SECRET)
    file.chmod(0o644)
    with Client(_settings(server, key_variable="", key_file=file)) as client:
        assert "chmod 600" in client.status and _SECRET not in client.status
        client.get("models")
    assert server.received[0].headers["authorization"] == f"Bearer {_SECRET}"


def test_a_key_that_is_refused_is_named_by_where_it_is(server: Server) -> None:
    server.next(status(401, "no"))
    with Client(_settings(server)) as client, pytest.raises(JudgeError, match="check the key in SOME_KEY"):
        client.get("models")


def test_a_missing_key_names_the_variable(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY")
    with pytest.raises(JudgeError, match="SOME_KEY"):
        Client(_settings(server))


def test_a_stalled_answer_that_tells_the_key_shows_nothing(server: Server) -> None:
    server.usual = lambda _: replace(completion(_SECRET), stalls_in_body=True)
    with Client(_settings(server)) as client, pytest.raises(JudgeError) as caught:
        client.post("chat/completions", _QUESTION)
    assert not any(_SECRET in text for text in _shown_by(caught.value))
