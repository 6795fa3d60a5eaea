from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.remote.key import Key, read_key

_SECRET = "sk-secret-0123456789abcdef"
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(f"before {_SECRET} after"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just(_SECRET), inner, max_size=4),
    max_leaves=10,
)
_WITHOUT = st.recursive(
    st.none() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def test_no_way_of_writing_a_key_shows_it() -> None:
    key = Key(_SECRET)
    shown = [repr(key), str(key), f"{key}", f"{key!r:>60}", "%s %r" % (key, key), repr([key]), repr({"key": key})]  # noqa: UP031
    assert not any(_SECRET in text for text in shown)
    assert not hasattr(key, "__dict__")
    for write in (pickle.dumps, json.dumps):
        with pytest.raises(TypeError) as caught:
            write(key)  # type: ignore[operator]
        assert _SECRET not in str(caught.value)
    assert copy.deepcopy(key) is key and copy.copy(key) is key

    @dataclasses.dataclass
    class Holder:
        key: Key

    assert _SECRET not in repr(Holder(key)) + repr(dataclasses.asdict(Holder(key)))


@given(_JSON)
def test_scrubbing_takes_the_key_out_of_everything(value: object) -> None:
    assert _SECRET not in json.dumps(Key(_SECRET).scrub(value))


@given(_WITHOUT)
def test_scrubbing_leaves_the_rest_alone(value: object) -> None:
    assert Key(_SECRET).scrub(value) == value


def test_a_word_that_servers_want_for_a_key_is_left_in_texts() -> None:
    assert Key("EMPTY").scrub("The gripper is EMPTY.") == "The gripper is EMPTY."


def test_the_variable_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.write_text("from-the-file\nand a note\n")
    monkeypatch.setenv("SOME_KEY", " from-the-variable\n")
    read = read_key("SOME_KEY", file)
    assert read is not None and read.reveal() == "from-the-variable"
    monkeypatch.delenv("SOME_KEY")
    read = read_key("SOME_KEY", file)
    assert read is not None and read.reveal() == "from-the-file"


def test_no_key_is_wanted_where_none_is_named() -> None:
    assert read_key("", None) is None


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_key_names_the_variable(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(JudgeError, match="SOME_KEY"):
        read_key("SOME_KEY", None)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="nowhere"):
        read_key("", tmp_path / "nowhere")
    with pytest.raises(JudgeError, match="cannot be read"):
        read_key("", tmp_path)


@pytest.mark.parametrize("text", ["", "two words-of-secret", "clé-of-secret", "a" * 5000, "secret\x00secret"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(text: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    with pytest.raises(JudgeError) as caught:
        read_key("", file)
    assert "secret" not in str(caught.value) and "aaaa" not in str(caught.value)


def test_a_key_that_everybody_can_read_is_warned_about(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(_SECRET)
    file.chmod(0o644)
    read = read_key("", file)
    assert read is not None and str(file) in read.warning and "chmod 600" in read.warning
    file.chmod(0o600)
    read = read_key("", file)
    assert read is not None and read.warning == ""
