from __future__ import annotations

import contextlib
import threading
from dataclasses import replace

import pytest
from models.remote.misbehaving_server import MODEL, Reply, Server, completion, never, status

from vlm_judge_ros.errors import Cancelled
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.errors import BadAnswer, CircuitOpen, Overloaded, Unreachable
from vlm_judge_ros.models.remote.settings import Patience, ServerSettings

_QUESTION = {"model": MODEL, "messages": []}


class _Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def _settings(server: Server, **patience: float) -> ServerSettings:
    quick = {"backoff_s": 0.01, "longest_backoff_s": 0.01, "failures_to_open": 2, "open_s": 60.0}
    return ServerSettings.model_validate(
        {"kind": "vllm", "base_url": server.base_url, "patience": Patience.model_validate({**quick, **patience})}
    )


def _ends(client: Client, server: Server, requests: int) -> None:
    """Cancel once so many requests have come."""
    server.wait_for(requests)
    client.cancel()


def test_a_server_that_goes_away_is_left_alone_until_it_is_back(server: Server) -> None:
    clock = _Clock()
    with Client(_settings(server), clock=clock) as client:
        client.post("chat/completions", _QUESTION)
        server.stop()
        for _ in range(2):
            with pytest.raises(Unreachable):
                client.post("chat/completions", _QUESTION)
        assert client.usage.attempts == 1 + 2 * 3
        with pytest.raises(CircuitOpen, match="in 60 s"):
            client.post("chat/completions", _QUESTION)
        assert "tried in 60 s" in client.status

        clock.now_s += 60.0
        assert "next call tries" in client.status
        with pytest.raises(Unreachable):
            client.post("chat/completions", _QUESTION)
        assert client.usage.attempts == 7 + 1, "a probe makes one attempt"
        with pytest.raises(CircuitOpen):
            client.post("chat/completions", _QUESTION)

        server.start()
        clock.now_s += 60.0
        assert len(client.post_all("chat/completions", [_QUESTION] * 3)) == 3
        assert "tries" not in client.status and "tried" not in client.status


def test_a_server_that_goes_away_in_the_middle_of_an_answer_is_asked_again(server: Server) -> None:
    server.next(replace(completion(), stalls_in_body=True))

    def restart() -> None:
        server.wait_for(1)
        server.stop()
        server.start()

    thread = threading.Thread(target=restart)
    thread.start()
    with Client(_settings(server, most_retries=10, backoff_s=0.2, longest_backoff_s=0.5)) as client:
        assert client.post("chat/completions", _QUESTION)["choices"]
    thread.join()


def test_a_server_that_refuses_is_there(server: Server) -> None:
    with Client(_settings(server, failures_to_open=1)) as client:
        for _ in range(3):
            server.next(status(400))
            with pytest.raises(Exception, match="400"):
                client.post("chat/completions", _QUESTION)
        assert client.post("chat/completions", _QUESTION)


def test_a_cancelled_probe_leaves_room_for_the_next(server: Server) -> None:
    clock = _Clock()
    with Client(_settings(server, most_retries=0, failures_to_open=1), clock=clock) as client:
        server.next(status(500), never())
        with pytest.raises(Overloaded):
            client.post("chat/completions", _QUESTION)
        clock.now_s += 60.0
        threading.Thread(target=_ends, args=(client, server, 2)).start()
        with pytest.raises(Cancelled):
            client.post_all("chat/completions", [_QUESTION] * 2)
        assert client.post("chat/completions", _QUESTION)["choices"]


def test_a_pause_before_a_retry_can_be_cancelled(server: Server) -> None:
    server.usual = lambda _: status(503)
    ended = threading.Event()
    with Client(_settings(server, backoff_s=3000.0, longest_backoff_s=3000.0)) as client:

        def insist() -> None:
            server.wait_for(1)
            while not ended.wait(0.01):
                client.cancel()

        thread = threading.Thread(target=insist)
        thread.start()
        with pytest.raises(Cancelled):
            client.post("chat/completions", _QUESTION)
        ended.set()
        thread.join()


def test_calls_that_wait_for_their_turn_are_cancelled_too(server: Server) -> None:
    server.usual = lambda _: never()
    settings = _settings(server).model_copy(update={"most_in_flight": 2})
    with Client(settings) as client:
        threading.Thread(target=_ends, args=(client, server, 2)).start()
        with pytest.raises(Cancelled):
            client.post_all("chat/completions", [_QUESTION] * 10)
        assert len(server.received) == 2
        server.usual = lambda _: completion()
        assert len(client.post_all("chat/completions", [_QUESTION] * 10)) == 10


def test_cancelling_at_any_moment_leaves_the_client_as_it_was(server: Server) -> None:
    with Client(_settings(server).model_copy(update={"most_in_flight": 2})) as client:
        for answers in range(12):
            until = len(server.received) + 1 + answers % 6
            canceller = threading.Thread(target=_ends, args=(client, server, until))
            canceller.start()
            with contextlib.suppress(Cancelled):
                client.post_all("chat/completions", [_QUESTION] * 6)
            canceller.join()
        assert len(client.post_all("chat/completions", [_QUESTION] * 6)) == 6


def test_closing_ends_a_call_that_runs(server: Server) -> None:
    server.next(never())
    client = Client(_settings(server))

    def close() -> None:
        server.wait_for(1)
        client.close()

    threading.Thread(target=close).start()
    with pytest.raises(Cancelled):
        client.post("chat/completions", _QUESTION)
    client.close()


def test_one_that_fails_ends_those_beside_it(server: Server) -> None:
    server.usual = lambda received: status(500) if received.body["n"] == 1 else never()
    with Client(_settings(server, most_retries=0)) as client, pytest.raises(Overloaded):
        client.post_all("chat/completions", [{"model": MODEL, "n": n} for n in range(3)])


def test_an_answer_that_stops_in_the_middle_is_given_up(server: Server) -> None:
    server.next(replace(completion(), stalls_in_body=True))
    with (
        Client(_settings(server, timeout_s=0.2, most_retries=0)) as client,
        pytest.raises(Unreachable, match=r"0\.2 s"),
    ):
        client.post("chat/completions", _QUESTION)


@pytest.mark.parametrize("code", [400, 500])
def test_of_an_error_of_ten_megabytes_only_the_beginning_is_read(server: Server, code: int) -> None:
    server.next(Reply(b"x" * 10_000_000, code))
    with Client(_settings(server, most_retries=0)) as client, pytest.raises(Exception, match=str(code)) as caught:
        client.post("chat/completions", _QUESTION)
    assert len(str(caught.value)) < 500


def test_an_answer_that_is_nested_without_end_is_bad(server: Server) -> None:
    server.next(Reply(b'{"a":' * 5000 + b"1" + b"}" * 5000), Reply(b'{"a":' * 500 + b"1" + b"}" * 500))
    with Client(_settings(server)) as client:
        for _ in range(2):
            with pytest.raises(BadAnswer, match="nested"):
                client.post("chat/completions", _QUESTION)
