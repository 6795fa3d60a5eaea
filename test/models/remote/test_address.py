from __future__ import annotations

import pytest

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.remote.address import read_address


@pytest.mark.parametrize(
    "base_url",
    ["http://127.0.0.1:8000/v1", "http://localhost:8000/v1", "http://[::1]:8000/v1", "https://api.openai.com/v1"],
)
def test_a_key_goes_encrypted_or_nowhere_but_this_machine(base_url: str) -> None:
    assert read_address(base_url).key_warning() == ""


@pytest.mark.parametrize(
    "base_url",
    ["http://192.168.1.20:8000/v1", "http://workstation:8000/v1", "http://orin.local/v1", "http://[fd00::1]:8000/v1"],
)
def test_a_key_in_the_local_network_is_warned_about(base_url: str) -> None:
    assert "unencrypted" in read_address(base_url).key_warning()


@pytest.mark.parametrize("base_url", ["http://api.openai.com/v1", "http://8.8.8.8/v1", "http://localhost.example.com"])
def test_a_key_does_not_cross_the_internet_unencrypted(base_url: str) -> None:
    with pytest.raises(JudgeError, match="use https"):
        read_address(base_url).key_warning()


@pytest.mark.parametrize(
    "base_url", ["http://", "http://:80/v1", "http://a:b/v1", "http://host/v1?x=1", "http://[::1/v1"]
)
def test_what_is_no_address_is_refused(base_url: str) -> None:
    with pytest.raises(JudgeError, match="base_url"):
        read_address(base_url)


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(JudgeError, match="key_variable") as caught:
        read_address("https://user:pa55word@host/v1")
    assert "pa55word" not in str(caught.value)


def test_native_paths_are_beside_the_protocol() -> None:
    behind_a_proxy = read_address("https://host/llama/v1/")
    assert behind_a_proxy.url("chat/completions") == "https://host/llama/v1/chat/completions"
    assert behind_a_proxy.url("/completion") == "https://host/llama/completion"
    assert behind_a_proxy.host == "host"
    assert read_address("http://127.0.0.1:8000").url("/props") == "http://127.0.0.1:8000/props"
