from __future__ import annotations

import fcntl
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from models.vlm.bare import bare_folder, write_graph
from models.vlm.hub_server import COMMIT, HubServer, hub_server

from vlm_judge_ros import cli
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm import download
from vlm_judge_ros.models.vlm.download import Hub
from vlm_judge_ros.models.vlm.families import Family
from vlm_judge_ros.models.vlm.folder import open_folder
from vlm_judge_ros.models.vlm.known import known_model, locate, usual_folder

pytest.importorskip("huggingface_hub")

NAME = "qwen3-vl-2b"
DECODER = "onnx/decoder_model_merged_q4f16.onnx"
WEIGHTS = f"{DECODER}_data"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(download, "RETRY_WAITS_S", (0.0, 0.0))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A repository with two precisions, and files that nobody needs."""
    root = bare_folder(tmp_path / "served", Family.QWEN3_VL, ("_q4", "_q4f16"))
    write_graph(root / DECODER, external="decoder_model_merged_q4f16.onnx_data")
    (root / "LICENSE").write_text("as you like")
    (root / "model.safetensors").write_bytes(bytes(5000))
    with hub_server(known_model(NAME).repository, root) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def pull(*words: str) -> int:
    return cli.main(["pull", NAME, *words])


def part_of_weights(hub: HubServer) -> Path:
    """Where the weights lie until they are whole."""
    (file,) = [file for file in Hub().listing(hub.repository, "main").files if file.path == WEIGHTS]
    return download.part_of(file, usual_folder(NAME) / WEIGHTS)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """The last line on stderr, which has to be the error alone."""
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.err.splitlines()[-1]


def test_a_model_is_pulled_and_found_by_its_name(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert pull() == 0
    folder = usual_folder(NAME)
    assert str(folder) in capsys.readouterr().out
    assert locate(NAME).folder == folder
    located = locate(str(folder)).known
    assert located is not None
    assert located.name == NAME
    opened = open_folder(folder)
    assert opened.precisions == {"vision": "q4f16", "embed": "q4f16", "decoder": "q4f16"}
    for path in ("config.json", "tokenizer.json", "LICENSE", DECODER, WEIGHTS):
        assert (folder / path).read_bytes() == (hub.root / path).read_bytes()
    assert not list(folder.rglob("*.part"))
    assert json.loads((folder / "known_model.json").read_text())["commit"] == COMMIT


def test_only_what_is_needed_is_fetched_and_only_once(hub: HubServer) -> None:
    assert pull() == 0
    assert "model.safetensors" not in hub.ranges
    assert not [path for path in hub.ranges if path.endswith("_q4.onnx")]
    hub.ranges.clear()
    assert pull() == 0
    assert hub.ranges == {}


def test_another_precision_and_another_place_can_be_asked_for(hub: HubServer, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "model"
    assert pull("--precision", "vision=q4,decoder=q4f16,embed=q4", "--to", str(target)) == 0
    assert open_folder(target).precisions == {"vision": "q4", "embed": "q4", "decoder": "q4f16"}
    located = locate(str(target)).known
    assert located is not None
    assert open_folder(target, located.precision).precisions == open_folder(target).precisions
    assert not usual_folder(NAME).exists()


def test_a_precision_that_is_not_there_is_refused_before_anything_is_fetched(
    hub: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pull("--precision", "fp16") == 1
    assert "has no vision_encoder_fp16.onnx; set the precision to what is there: vision=q4f16" in told(capsys)
    assert hub.ranges == {}
    assert not usual_folder(NAME).exists()


def test_a_download_goes_on_where_it_stopped(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    """The connection ends in the middle, and the server fails from then on; the next run asks for the rest only."""
    hub.cut[WEIGHTS] = 700
    hub.only_once.add(WEIGHTS)
    assert pull() == 1
    line = told(capsys)
    assert f"{WEIGHTS} stopped at 700 of 1024 bytes (HTTP Error 503" in line
    assert "run the same command again to go on from here" in line
    assert part_of_weights(hub).stat().st_size == 700
    with pytest.raises(JudgeError, match="not on this machine"):
        locate(NAME)
    hub.cut.clear()
    hub.only_once.clear()
    hub.ranges.clear()
    assert pull() == 0
    assert hub.ranges[WEIGHTS] == ["bytes=700-"]
    assert (usual_folder(NAME) / WEIGHTS).read_bytes() == (hub.root / WEIGHTS).read_bytes()


def test_a_lost_connection_is_taken_up_again_within_one_run(hub: HubServer) -> None:
    hub.cut[WEIGHTS] = 600
    assert pull() == 0
    assert hub.ranges[WEIGHTS] == ["", "bytes=600-"]


def test_a_connection_that_always_ends_at_once_is_given_up(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    hub.cut[WEIGHTS] = 0
    assert pull() == 1
    assert f"{WEIGHTS} stopped at 0 of 1024 bytes" in told(capsys)
    assert len(hub.ranges[WEIGHTS]) == 3


def test_a_token_goes_to_the_hub_and_not_to_where_it_redirects(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with hub_server(hub.repository, hub.root) as storage:
        hub.redirect = storage.endpoint
        assert pull() == 0
        assert set(storage.ranges) >= {WEIGHTS, "config.json"}
        assert storage.tokens == set()
    assert hub.tokens == {"Bearer hf_secret"}


def test_a_server_that_starts_again_from_the_beginning_is_understood(hub: HubServer) -> None:
    part = part_of_weights(hub)
    part.parent.mkdir(parents=True)
    part.write_bytes((hub.root / WEIGHTS).read_bytes()[:500])
    hub.ignores_range = True
    assert pull() == 0
    assert (usual_folder(NAME) / WEIGHTS).read_bytes() == (hub.root / WEIGHTS).read_bytes()


def test_a_part_that_is_longer_than_the_file_is_thrown_away(hub: HubServer) -> None:
    part = part_of_weights(hub)
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(5000))
    assert pull() == 0
    assert hub.ranges[WEIGHTS] == [""]


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_a_wrong_checksum_is_noticed_and_nothing_of_it_is_kept(
    hub: HubServer, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.spoiled.add(name)
    assert pull() == 1
    assert f"{name} arrived with another checksum than the hub names, and was thrown away" in told(capsys)
    assert not (usual_folder(NAME) / name).exists()
    assert not list(usual_folder(NAME).rglob("*.part"))
    hub.spoiled.clear()
    assert pull() == 0


def test_a_file_that_was_damaged_on_disk_is_fetched_again(hub: HubServer) -> None:
    assert pull() == 0
    damaged = usual_folder(NAME) / WEIGHTS
    damaged.write_bytes(bytes(damaged.stat().st_size))
    hub.ranges.clear()
    assert pull() == 0
    assert set(hub.ranges) == {WEIGHTS}
    assert damaged.read_bytes() == (hub.root / WEIGHTS).read_bytes()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (404, "is not on http://127.0.0.1"),
        (401, "is not on http://127.0.0.1"),
        (403, "or not for everybody; set HF_TOKEN"),
        (500, "answered with status 500; wait a while"),
        (429, "answered with status 429; wait a while"),
    ],
)
def test_a_hub_that_refuses_is_one_sentence(
    hub: HubServer, status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.status["api"] = status
    assert pull() == 1
    assert sentence in told(capsys)


def test_a_file_that_has_gone_is_one_sentence(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    hub.status[DECODER] = 404
    assert pull() == 1
    line = told(capsys)
    assert DECODER in line
    assert "answered with status 404" in line


def test_no_network_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert pull() == 1
    line = told(capsys)
    assert "cannot be had from http://127.0.0.1:9" in line
    assert "check the network and the proxy" in line
    assert not usual_folder(NAME).exists()


def test_without_the_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert pull() == 1
    assert "pip install 'huggingface_hub>=0.25'" in told(capsys)


def test_a_repository_of_another_family_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = bare_folder(tmp_path / "other", Family.IDEFICS3, ("_q4f16",))
    with hub_server(known_model(NAME).repository, root) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        assert pull() == 1
    assert "of the family idefics3, and qwen3-vl-2b is of qwen3_vl" in told(capsys)


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 90, 10))
    assert pull() == 1
    assert "free some, or name another folder with --to" in told(capsys)
    assert hub.ranges == {}


def test_two_downloads_into_one_folder_are_kept_apart(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    usual_folder(NAME).mkdir(parents=True)
    with (usual_folder(NAME) / ".pull.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert pull() == 1
    assert "Another `vlm-judge pull` is writing" in told(capsys)


def test_a_folder_that_cannot_be_written_is_named(
    hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert pull("--to", str(tmp_path / "file" / "model")) == 1
    assert "cannot be written" in told(capsys)


def test_ctrl_c_leaves_what_has_arrived(hub: HubServer) -> None:
    """In a process of its own; the server keeps the connection open without sending the rest."""
    hub.stall[WEIGHTS] = 800
    command = [sys.executable, "-m", "vlm_judge_ros.cli", "pull", NAME]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert hub.stalled.wait(30)
        part = part_of_weights(hub)
        for _ in range(200):
            if part.exists() and part.stat().st_size == 800:
                break
            threading.Event().wait(0.05)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert part.stat().st_size == 800
    hub.stall.clear()
    hub.ranges.clear()
    assert pull() == 0
    assert hub.ranges[WEIGHTS] == ["bytes=800-"]
