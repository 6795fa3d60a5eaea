from __future__ import annotations

import math
from pathlib import Path

import pytest

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.parts import Part
from vlm_judge_ros.replay.sources.split import ByChunks, ByGaps, ByMarkers, ByTasks, parse_split
from vlm_judge_ros.replay.sources.split_table import SplitTable, read_split_table

HEADER = "bag,start_s,end_s,name,task\n"


def read(folder: Path, text: str, encoding: str = "utf-8") -> SplitTable:
    path = folder / "episodes.csv"
    path.write_text(text, encoding=encoding)
    return read_split_table(path)


def test_a_line_is_an_episode_in_seconds_from_the_first_message(tmp_path: Path) -> None:
    table = read(tmp_path, HEADER + 'run_1,1.5,3,first,"pick, then place"\nrun_1,0.5,,,\nrun_2,0,1,other,\n')
    assert [row.end_s for row in table.rows] == [3.0, math.inf, 1.0]
    expected = [Part(500_000_100, 4_000_000_101), Part(1_500_000_100, 3_000_000_100, "first", "pick, then place")]
    assert table.parts_of(Path("/data/run_1.mcap"), 100, 4_000_000_101) == expected


@pytest.mark.parametrize("text", ["\ufeff" + HEADER + "a,0,1,,\n", HEADER.replace(",", ";") + "a;0;1;;\n"])
def test_what_spreadsheets_write_is_read(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).rows[0].bag == "a"


@pytest.mark.parametrize(
    ("bag", "path", "same"),
    [
        ("run_1", "/data/run_1", True),
        ("run_1", "/data/run_1.mcap", True),
        ("run_1.mcap", "/data/run_1.mcap", True),
        ("monday/run_1", "/data/monday/run_1", True),
        ("tuesday/run_1", "/data/monday/run_1", False),
        ("/data/monday/run_1", "/data/monday/run_1", True),
        ("", "/data/monday/run_1", True),
        ("run", "/data/run_1", False),
    ],
)
def test_a_bag_is_known_by_the_end_of_its_path(tmp_path: Path, bag: str, path: str, same: bool) -> None:
    assert read(tmp_path, HEADER + f"{bag},0,1,,\n").rows[0].is_of(Path(path)) is same


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("bag,start_s\nx,1\n", "line 1: the column end_s is missing; the columns are bag, start_s"),
        (HEADER.replace("name", "nome"), "line 1: the column 'nome' is not known"),
        (HEADER + "a,soon,3,,\n", "line 2: start_s is 'soon'; seconds from"),
        (HEADER + "a,1,3,,\na,-1,3,,\n", "line 3: start_s is '-1'"),
        (HEADER + "a,nan,3,,\n", "line 2: start_s is 'nan'"),
        (HEADER + "a,5,3,,\n", "line 2: end_s is 3 and start_s 5"),
        (HEADER, "has no line but its header"),
        ("", "the column end_s is missing"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(JudgeError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "episodes.csv"))
    assert sentence in str(caught.value)


def test_an_episode_after_the_end_of_its_bag_is_told(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match=r"line 2: start_s is 9, and the bag a is over after 3.000 s"):
        read(tmp_path, HEADER + "a,9,10,,\n").parts_of(Path("a"), 0, 3_000_000_000)


def test_every_way_to_split_is_understood(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(HEADER + "a,0,1,,\n")
    assert parse_split("task") == ByTasks()
    assert parse_split("chunks") == ByChunks()
    assert parse_split("gap=5s") == parse_split("gap=5.0") == ByGaps(5.0)
    assert parse_split("markers=episode") == ByMarkers("/episode")
    assert isinstance(parse_split(str(tmp_path / "e.csv")), SplitTable)


@pytest.mark.parametrize("text", ["", "gap", "gap=", "gap=-1", "gap=0", "gap=soon", "markers=", "absent.csv", "weekly"])
def test_other_ways_are_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(JudgeError, match=r"^(--split|absent\.csv) .*\.$"):
        parse_split(text)
