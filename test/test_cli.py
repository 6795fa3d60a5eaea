from __future__ import annotations

import subprocess
import sys

import pytest

from vlm_judge_ros import __version__, cli
from vlm_judge_ros.errors import JudgeError


def test_help_names_every_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert all(command.name in text and command.summary.split(" (")[0][:30] in text for command in cli.COMMANDS)


def test_help_imports_no_subcommand() -> None:
    code = (
        "import sys; from vlm_judge_ros import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(command.module in sys.modules for command in cli.COMMANDS) or 'rclpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, timeout=60)


@pytest.mark.parametrize("words", [[], ["no-such-command"], ["--no-such-option"]])
def test_words_that_mean_nothing_end_with_usage_and_status_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 2
    assert "usage: vlm-judge" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert __version__ in capsys.readouterr().out


def test_an_error_for_a_person_is_one_line_on_stderr_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(words: object) -> int:
        raise JudgeError("The thing is broken; mend it.")

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main(["demo"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "vlm-judge: The thing is broken; mend it.\n"
    assert captured.out == ""


def test_ctrl_c_ends_without_a_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(words: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupt)
    assert cli.main(["demo"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_missing_dependency_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "COMMANDS", (cli.Command("odd", "no_such_package.module", "does nothing"),))
    with pytest.raises(JudgeError, match="needs the Python module 'no_such_package'"):
        cli._run(["odd"])
