from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading

import pytest
from models.remote.misbehaving_server import (
    MODEL,
    Reply,
    Server,
    completion,
    half,
    large,
    never,
    no_choices,
    not_a_number,
    not_json,
    redirect,
    serving,
    status,
    too_many,
    wrong_schema,
)

from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.errors import BadAnswer, Overloaded, Refused, Unreachable
from vlm_judge_ros.models.remote.settings import Patience, ServerKind, ServerSettings

_PATIENCE = Patience(backoff_s=0.01, longest_backoff_s=0.02)
_QUESTION = {"model": MODEL, "messages": []}


def _settings(server: Server, **changes: object) -> ServerSettings:
    return ServerSettings.model_validate(
        {"kind": ServerKind.VLLM, "base_url": server.base_url, "patience": _PATIENCE, **changes}
    )


def test_a_question_is_answered(server: Server) -> None:
    server.next(completion("False"))
    with Client(_settings(server)) as client:
        answer = client.post("chat/completions", _QUESTION)
    assert answer["choices"][0]["message"]["content"] == "False"
    assert [(one.method, one.path, one.body) for one in server.received] == [
        ("POST", "/v1/chat/completions", _QUESTION)
    ]


def test_paths_with_a_slash_are_beside_the_protocol(server: Server) -> None:
    with Client(_settings(server)) as client:
        assert client.get("models")["data"][0]["id"] == MODEL
        client.post("/completion", {"prompt": ""})
    assert [one.path for one in server.received] == ["/v1/models", "/completion"]


@pytest.mark.parametrize("passing", [status(500), status(503), too_many(), too_many("0"), half(completion())])
def test_a_passing_failure_is_tried_again(server: Server, passing: object) -> None:
    server.next(passing, passing)  # type: ignore[arg-type]
    with Client(_settings(server)) as client:
        assert client.post("chat/completions", _QUESTION)["choices"]
        assert (client.usage.calls, client.usage.attempts, client.usage.failed) == (1, 3, 0)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (too_many("3600"), Overloaded, "asks to wait 3600 s"),
        (status(400, "logprobs are not supported"), Refused, "400.*logprobs are not supported"),
        (status(401, "who are you"), Refused, "who are you.*set key_variable"),
        (status(429, "pay first", error_code="insufficient_quota"), Refused, "insufficient_quota"),
        (not_json(), BadAnswer, "not JSON"),
        (not_a_number(), BadAnswer, "NaN"),
        (large(), BadAnswer, "larger than 4000000 bytes"),
        (redirect("http://elsewhere.example/v1"), Refused, "elsewhere.example"),
        (redirect("http://[::"), Refused, "307.*not followed"),
        (redirect("/v1/"), Refused, "to another path"),
        (Reply(b"", 301), Refused, "to another path"),
        (Reply(b"", 204), BadAnswer, "not JSON"),
        (Reply({"detail": [{"loc": ["body"], "msg": "too long"}]}, 422), Refused, "422: .*too long"),
        (Reply({"object": "error", "message": "no such thing", "code": 40}, 400), Refused, "400"),
        (Reply({"error": {"message": "out of memory"}}), Refused, "200: out of memory"),
        (Reply([1, 2]), BadAnswer, "not an object"),
        (status(400, "line\n\x1b[31mred\x00" + "x" * 1000), Refused, r"line \[31mred x+…"),
    ],
)
def test_a_lasting_failure_is_told_at_once(server: Server, reply: object, error: type, words: str) -> None:
    server.next(reply)  # type: ignore[arg-type]
    with Client(_settings(server)) as client, pytest.raises(error, match=words):
        client.post("chat/completions", _QUESTION)
    assert len(server.received) == 1


@pytest.mark.parametrize("reply", [no_choices(), wrong_schema()])
def test_the_content_of_an_answer_is_for_others_to_judge(server: Server, reply: object) -> None:
    server.next(reply)  # type: ignore[arg-type]
    with Client(_settings(server)) as client:
        assert client.post("chat/completions", _QUESTION) == reply.body  # type: ignore[attr-defined]


def test_a_model_that_is_not_there_is_named(server: Server) -> None:
    with Client(_settings(server)) as client, pytest.raises(Refused, match="another-model") as caught:
        client.post("chat/completions", {"model": "another-model"})
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")


def test_a_slow_answer_is_given_up(server: Server) -> None:
    server.usual = lambda _: never()
    patience = Patience(timeout_s=0.05, most_retries=1, backoff_s=0.01)
    with Client(_settings(server, patience=patience)) as client, pytest.raises(Unreachable, match=r"0\.05 s"):
        client.post("chat/completions", _QUESTION)
    assert len(server.received) == 2


def test_a_call_can_be_cancelled_from_another_thread(server: Server) -> None:
    server.next(never())
    with Client(_settings(server)) as client:
        threading.Thread(target=lambda: (server.wait_for(1), client.cancel())).start()
        with pytest.raises(Cancelled):
            client.post("chat/completions", _QUESTION)
        assert client.post("chat/completions", _QUESTION)["choices"]


def test_answers_come_in_the_order_of_the_questions(server: Server) -> None:
    server.usual = lambda received: completion(str(received.body["n"]))
    with Client(_settings(server, most_in_flight=3)) as client:
        answers = client.post_all("chat/completions", [{"model": MODEL, "n": n} for n in range(20)])
    assert [answer["choices"][0]["message"]["content"] for answer in answers] == [str(n) for n in range(20)]
    assert server.most_at_once <= 3


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with serving() as server:
        settings = _settings(server)
    with Client(settings) as client, pytest.raises(Unreachable, match="cannot be reached"):
        client.post("chat/completions", _QUESTION)


def test_threads_share_the_limit_of_calls_in_flight(server: Server) -> None:
    server.usual = lambda received: completion(received.body["messages"][0])
    told: dict[str, str] = {}
    with Client(_settings(server, most_in_flight=2)) as client:

        def ask(text: str) -> None:
            answer = client.post("chat/completions", {"model": MODEL, "messages": [text]})
            told[text] = answer["choices"][0]["message"]["content"]

        threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert told == {str(number): str(number) for number in range(10)}
    assert server.most_at_once <= 2


def test_half_characters_of_an_answer_do_not_go_on(server: Server) -> None:
    server.next(Reply(rb'{"text": "a\ud83db", "whole": "\ud83d\ude00"}'))
    with Client(_settings(server)) as client:
        answer = client.post("/native", {})
        assert answer == {"text": "a\ufffdb", "whole": "\U0001f600"}
        client.post("chat/completions", {"model": MODEL, "messages": [answer["text"]]})


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"9" * 400])
def test_what_is_no_usable_number_makes_no_answer(server: Server, number: bytes) -> None:
    server.next(Reply(b'{"logprob": ' + number + b"}"))
    with Client(_settings(server)) as client, pytest.raises(BadAnswer, match="not JSON"):
        client.post("/native", {})


def test_a_fault_of_the_caller_is_not_blamed_on_the_server(server: Server) -> None:
    with Client(_settings(server)) as client, pytest.raises(TypeError):
        client.post("chat/completions", {"model": object()})  # type: ignore[dict-item]


def test_the_thread_ends_with_the_client(server: Server) -> None:
    # Judges of other tests may still have theirs.
    others = set(threading.enumerate())

    def threads() -> list[str]:
        return [thread.name for thread in set(threading.enumerate()) - others if thread.name == "remote model"]

    with Client(_settings(server)) as client:
        client.get("models")
        assert threads()
    assert not threads()
    forgotten = Client(_settings(server))
    forgotten.get("models")
    del forgotten
    gc.collect()
    assert not threads()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_is_forked_off_is_told_to_make_its_own(server: Server) -> None:
    with Client(_settings(server)) as client:
        client.get("models")
        child = os.fork()
        if child == 0:
            try:
                client.get("models")
            except JudgeError as error:
                os._exit(7 if "of its own" in str(error) else 1)
            os._exit(2)
        _, ended = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(ended) == 7
        assert client.get("models")


def test_a_program_that_does_not_close_ends_without_a_word(server: Server) -> None:
    program = f"""
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.settings import ServerSettings
client = Client(ServerSettings(kind="other", base_url="{server.base_url}"))
print(len(client.get("models")["data"]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_a_closed_client_says_so(server: Server) -> None:
    client = Client(_settings(server))
    client.close()
    with pytest.raises(JudgeError, match="closed"):
        client.get("models")
