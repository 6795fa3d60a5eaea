from __future__ import annotations

import csv
import io
import multiprocessing
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.labels.cells import closed, opened
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.labels import COLUMNS, LabelFile, read_labels

KEYS = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}", fullmatch=True)
LINES = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" ;,=-+@'\""), max_size=30)


@st.composite
def labels(draw: st.DrawFn) -> Label:
    episode = draw(KEYS)
    failed = draw(st.booleans())
    other = draw(KEYS.filter(lambda key: key != episode))
    return Label(
        episode=episode,
        score=draw(st.none() | st.integers(0, 1000).map(lambda value: value / 1000)),
        success=not failed,
        failure_mode=draw(st.sampled_from([None, FailureMode.SLIP, FailureMode.UNKNOWN])) if failed else None,
        onset_s=draw(st.none() | st.floats(0, 1e4).map(lambda value: round(value, 3))) if failed else None,
        preferred_over=draw(st.sampled_from(["", other, f"tie:{other}"])),
        rater=draw(LINES),
        note=draw(LINES),
    )


def _written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@given(
    st.lists(labels(), max_size=6, unique_by=(lambda label: label.episode, lambda label: label.pair or label.episode))
)
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, given_labels: list[Label]) -> None:
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    for label in given_labels:
        LabelFile(path).put(label)
    assert list(LabelFile(path).read()) == given_labels


@given(st.text(max_size=40) | LINES)
def test_no_cell_begins_a_formula_in_a_spreadsheet_of_any_country_and_the_text_comes_back(text: str) -> None:
    assert opened(closed(text)) == text
    for part in re.split("[;,]", closed(text)):
        assert not part.strip().lstrip('"').strip().startswith(tuple("=+-@\uff1d\uff0b\uff0d\uff20"))


def test_the_first_line_names_the_columns(tmp_path: Path) -> None:
    LabelFile(tmp_path / "new" / "labels.csv").put(
        Label(episode="a", score=0.5, success=True, rater="Ada", note="x, y")
    )
    assert (tmp_path / "new" / "labels.csv").read_text().splitlines() == [
        "episode,score,success,failure_mode,onset_s,preferred_over,rater,note",
        'a,0.5,yes,,,,Ada,"x, y"',
    ]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_file_of_a_spreadsheet_is_read_and_stays_as_it_is(
    tmp_path: Path, mark: bytes, separator: str, line_end: str
) -> None:
    rows = [["Score", "Episode", "robot", "rater"], ["0.25", "a", "left; arm", "Jörg"], ["", "", "", ""]]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=line_end).writerows(rows)
    path = _written(tmp_path / "labels.csv", mark + text.getvalue().encode())
    assert read_labels(path) == (Label(episode="a", score=0.25, rater="Jörg"),)
    LabelFile(path).put(Label(episode="b", score=0.5, rater="Jörg"))
    data = path.read_bytes()
    assert data.startswith(mark)
    read = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=separator))
    assert read[0][:4] == ["score", "episode", "robot", "rater"]
    assert [row[:4] for row in read[1:]] == [["0.25", "a", "left; arm", "Jörg"], ["0.5", "b", "", "Jörg"]]
    assert data.count(line_end.encode()) == data.count(b"\n") == 3


def test_rows_that_say_nothing_are_kept_and_passed_over(tmp_path: Path) -> None:
    path = _written(tmp_path / "labels.csv", "episode,score\na,\nb,1\n")
    assert [label.episode for label in read_labels(path)] == ["b"]
    LabelFile(path).put(Label(episode="c", score=0))
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["episode", "a", "b", "c"]


def test_a_second_thought_takes_the_place_of_the_first_and_other_raters_stay(tmp_path: Path) -> None:
    path = _written(tmp_path / "labels.csv", "episode,score,rater,robot\na,0.1,Ada,7\na,0.2,Bob,8\nb,0.3,Ada,9\n")
    LabelFile(path).put(Label(episode="a", score=0.9, rater="Ada"))
    assert [(label.episode, label.score, label.rater) for label in read_labels(path)] == [
        ("a", 0.9, "Ada"),
        ("a", 0.2, "Bob"),
        ("b", 0.3, "Ada"),
    ]
    assert path.read_text().splitlines()[1].startswith("a,0.9,Ada,7")


def test_a_preference_and_a_judgement_in_one_row_are_replaced_apart(tmp_path: Path) -> None:
    path = _written(tmp_path / "labels.csv", "episode,score,preferred_over,rater\na,0.5,b,Ada\n")
    LabelFile(path).put(Label(episode="b", preferred_over="tie:a", rater="Ada"))
    assert read_labels(path) == (
        Label(episode="a", score=0.5, rater="Ada"),
        Label(episode="b", preferred_over="tie:a", rater="Ada"),
    )
    LabelFile(path).remove(Label(episode="a", score=0, rater="Ada"))
    assert read_labels(path) == (Label(episode="b", preferred_over="tie:a", rater="Ada"),)


def test_a_preference_names_a_better_and_a_worse_one() -> None:
    label = Label(episode="a", preferred_over="b")
    assert (label.compared_with, label.is_tie, label.judges) == ("b", False, False)
    tie = Label(episode="b", preferred_over="tie:a")
    assert (tie.compared_with, tie.is_tie, tie.pair) == ("a", True, label.pair)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty; the first line names the columns"),
        ("key,score\na,1\n", r'line 1: there is no column "episode"; the first line names the columns: episode, '),
        ("episode,scor\na,1\n", 'line 1: the column "scor" is called like score, but not quite; rename it to score'),
        ("episode,score,Score\na,1,1\n", 'line 1: there are two columns "score"; remove one'),
        ("episode,score\n\na,1.4\n", 'line 3, column score: "1.4": it lies outside 0 to 1; write 0.014 for 1.4 %'),
        ("episode,score\na,-1\n", 'line 2, column score: "-1": it lies outside 0 to 1; 0 is nothing, 1 is all'),
        ('episode,score\na,"0,8"\n', 'line 2, column score: "0,8": it has a decimal comma; write 0.8'),
        ("episode;score\na;0,8\n", 'line 2, column score: "0,8": it has a decimal comma; write 0.8'),
        ("episode,score\na,0,8\n", "line 2: the row has 3 cells and the header 2; write decimals with a point"),
        ("episode,score\na,nan\n", 'column score: "nan": it is no number'),
        ("episode,score\na,good\n", 'column score: "good": it is no number; write one such as 0.8, or nothing'),
        ("episode,success\na,maybe\n", 'column success: "maybe": it is neither yes nor no; write one of them'),
        ("episode,failure_mode\na,DROP\n", 'column failure_mode: "DROP": it is no failure mode; write one of NONE, '),
        ("episode,success,failure_mode\na,yes,SLIP\n", 'column failure_mode: "SLIP": it does not go with success yes'),
        ("episode,success,failure_mode\na,no,NONE\n", 'failure_mode: "NONE": it does not go with success no; write U'),
        ("episode,success,onset_s\na,yes,3\n", 'column onset_s: "3": no failure began in an episode without a failure'),
        ("episode,onset_s\na,-3\n", "it lies before the episode; write seconds from its start"),
        ("episode,score\n,1\n", 'line 2, column episode: "": it is empty; write the key of the episode'),
        ("episode,score\n../a,1\n", 'column episode: "../a": it is no key of an episode; keys have letters, digits'),
        ("episode,preferred_over\na,a\n", 'column preferred_over: "a": it is the episode itself'),
        (
            "episode,preferred_over\na,b c\n",
            'preferred_over: "b c": it is no key of an episode; write a key, or `tie:`',
        ),
        (
            "episode,score,note\na,1," + "x" * 2001,
            'column note: "x{57}...": it has 2001 characters; write at most 2000',
        ),
        ("episode,score,rater\na,1,\x07\n", "column rater: .*characters that cannot be printed; leave them out"),
        ("episode,score\na,1\nb,1\na,0\n", 'line 4: rater "" has already labelled the same episode in line 2'),
        ("episode,preferred_over\na,b\nb,tie:a\n", "line 3: .* the same pair in line 2; remove one row, or name the"),
        ('episode,note\na,"open\n', "line 2: the row is no CSV .*check its double quotes"),
        ("episode,score\na,1\n".encode("utf-16"), "line 1: the file is not UTF-8; save it as CSV in UTF-8"),
        ("episode,rater\na,x\nb,Jörg\n".encode("cp1252"), "line 3: the file is not UTF-8; save it as CSV in UTF-8"),
        ("episode,score\na,\0\n", "is no text; save it as CSV in UTF-8"),
        ("episode,note\na," + "x" * 200_000, "line 2: the row is no CSV"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_a_remedy(tmp_path: Path, text: str | bytes, told: str) -> None:
    path = _written(tmp_path / "labels.csv", text)
    with pytest.raises(JudgeError, match=told) as caught:
        read_labels(path)
    assert str(path) in str(caught.value)
    before = path.read_bytes()
    with pytest.raises(JudgeError):
        LabelFile(path).put(Label(episode="z", score=1))
    assert path.read_bytes() == before


def test_a_file_that_is_not_there_or_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match=r"There is no file of labels at .*; check the path"):
        read_labels(tmp_path / "none.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(JudgeError, match=r"cannot be written to .*; choose another place"):
        LabelFile(tmp_path / "file" / "labels.csv").put(Label(episode="a", score=1))
    with pytest.raises(JudgeError, match=r"cannot be read from .*check the path"):
        read_labels(tmp_path)


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    link = tmp_path / "labels.csv"
    link.symlink_to(tmp_path / "shared" / "all.csv")
    LabelFile(link).put(Label(episode="a", score=1))
    assert link.is_symlink()
    assert read_labels(tmp_path / "shared" / "all.csv") == (Label(episode="a", score=1),)


def _label_without_end(path: Path, rater: str, begun: Callable[[], None]) -> None:
    for number in range(1_000_000):
        LabelFile(path).put(Label(episode=f"episode-{number}", score=0.5, rater=rater, note="x" * 1000))
        if number == 5:
            begun()


def test_a_file_is_whole_whenever_its_writers_are_killed(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    context = multiprocessing.get_context("fork")
    for turn in range(4):
        events = [context.Event() for _ in range(2)]
        writers = [
            context.Process(target=_label_without_end, args=(path, f"{turn}-{number}", event.set))
            for number, event in enumerate(events)
        ]
        for writer in writers:
            writer.start()
        for event in events:
            assert event.wait(60)
        for writer in writers:
            assert writer.pid is not None
            os.kill(writer.pid, signal.SIGKILL)
            writer.join()
        raters = [label.rater for label in read_labels(path)]
        assert all(raters.count(f"{done}-{number}") >= 6 for done in range(turn + 1) for number in range(2))


def test_pandas_opens_it_without_a_flag(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    file = LabelFile(tmp_path / "labels.csv")
    file.put(Label(episode="a", score=0.5, success=False, failure_mode=FailureMode.SLIP, onset_s=1.5, rater="Ada"))
    file.put(Label(episode="b", preferred_over="a", note='=HYPERLINK("x"), "quoted"'))
    frame = pandas.read_csv(file.path)
    assert tuple(frame.columns) == COLUMNS
    assert (frame["score"].dtype, frame["onset_s"].dtype) == (float, float)
    assert frame["score"][0] == 0.5
    frame.to_csv(file.path, index=False)
    assert [label.episode for label in file.read()] == ["a", "b"]
