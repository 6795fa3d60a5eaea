from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from models.remote.misbehaving_server import Certificate, Server, completion, never, self_signed, serving

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.errors import Unreachable
from vlm_judge_ros.models.remote.settings import Patience, ServerSettings


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def encrypted(certificate: Certificate) -> Iterator[Server]:
    with serving(certificate) as server:
        yield server


def _settings(base_url: str, **changes: object) -> ServerSettings:
    patience = Patience(backoff_s=0.01, longest_backoff_s=0.01)
    return ServerSettings.model_validate({"kind": "other", "base_url": base_url, "patience": patience, **changes})


def test_a_certificate_that_nobody_vouches_for_is_refused(encrypted: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-secret-0123456789")
    with (
        Client(_settings(encrypted.base_url, key_variable="SOME_KEY")) as client,
        pytest.raises(Unreachable, match=r"certificate .* not trusted .*certificate_file"),
    ):
        client.get("models")
    assert encrypted.received == []
    assert client.usage.attempts == 1


def test_a_server_that_accepts_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}/v1"
        for patience, words in (
            ({"connect_timeout_s": 0.1, "most_retries": 0}, r"0\.1 s; see connect_timeout_s"),
            ({"timeout_s": 0.1, "most_retries": 0}, r"0\.1 s; see timeout_s"),
        ):
            with (
                Client(_settings(f"https://{address}", patience=patience)) as client,
                pytest.raises(Unreachable, match=words),
            ):
                client.get("models")


def test_an_encrypted_answer_that_stalls_is_given_up(encrypted: Server, certificate: Certificate) -> None:
    encrypted.next(never(), replace(completion(), stalls_in_body=True))
    patience = Patience(timeout_s=0.5, most_retries=0)
    settings = _settings(encrypted.base_url, certificate_file=certificate.certificate, patience=patience)
    with Client(settings) as client:
        for _ in range(2):
            with pytest.raises(Unreachable, match="see timeout_s"):
                client.get("models")


def test_a_certificate_of_the_settings_is_trusted(encrypted: Server, certificate: Certificate) -> None:
    with Client(_settings(encrypted.base_url, certificate_file=certificate.certificate)) as client:
        assert client.get("models")["data"]


def test_a_trusted_certificate_has_to_be_for_the_host(encrypted: Server, certificate: Certificate) -> None:
    address = encrypted.base_url.replace("127.0.0.1", "localhost")
    with (
        Client(_settings(address, certificate_file=certificate.certificate)) as client,
        pytest.raises(Unreachable, match="not trusted"),
    ):
        client.get("models")
    assert encrypted.received == []


def test_a_server_that_does_not_encrypt_is_not_spoken_to(server: Server) -> None:
    with (
        Client(_settings(server.base_url.replace("http:", "https:"))) as client,
        pytest.raises(Unreachable, match="No encrypted connection"),
    ):
        client.get("models")
    assert server.received == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_file_that_cannot_be_used_is_named(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(JudgeError, match=r"authority\.pem"):
        Client(_settings("https://127.0.0.1:1/v1", certificate_file=file))
