from __future__ import annotations

import base64
import html.parser
import re
from dataclasses import replace
from pathlib import Path

import pytest
from replay.judged import PIXEL, trace

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.people import people_say
from vlm_judge_ros.replay.page.bands import worth_showing
from vlm_judge_ros.replay.page.reported import Reported
from vlm_judge_ros.replay.page.row import Row, worst_first
from vlm_judge_ros.replay.report import render, write_page, write_report
from vlm_judge_ros.replay.trace import Alarm, Step
from vlm_judge_ros.verdict.verdict import State

SUCCESS = trace((1.0, State.PROGRESSING), (9.0, State.SUCCEEDED))
FAILURE = trace((1.0, State.PROGRESSING), (8.0, State.FAILED), mode="OBJECT_DROPPED", onset_s=6.4)
VOID = {"meta", "link", "br", "img", "input", "hr", "wbr"}


class _Checker(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.pictures_without_text = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        values = dict(attrs)
        self.addresses += [values[name] or "" for name in ("src", "href", "action", "data") if name in values]
        self.pictures_without_text += tag == "img" and not values.get("alt")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _checked(page: str) -> _Checker:
    checker = _Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    return checker


def test_every_element_is_closed_and_every_picture_has_a_text() -> None:
    assert _checked(render([SUCCESS, FAILURE], "Test")).pictures_without_text == 0


def test_the_page_needs_nothing_beside_it() -> None:
    page = render([SUCCESS, FAILURE], "Test")
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in _checked(page).addresses)
    assert not re.search(r"url\(|@import|https?://", page)
    assert "default-src 'none'" in page


def test_pictures_are_in_the_page_byte_for_byte() -> None:
    assert base64.b64encode(PIXEL).decode() in render([SUCCESS], "Test")


def test_the_failure_is_told_with_its_true_onset_and_its_recognition_in_seconds() -> None:
    page = render([FAILURE], "Test")
    assert "Failure recognised at 8.1 s, 1.7 s after it began at 6.4 s." in page
    assert "began 6.4 s" in page
    assert "recognised 8.1 s" in page
    assert "The judge gives 93% for failing." in page


def test_both_curves_are_drawn_and_the_judged_one_is_interrupted_where_the_judge_said_nothing() -> None:
    page = render([SUCCESS], "Test")
    wide = page.split('<div class="wide">')[1].split("</svg>")[0]
    assert wide.count('class="line truth"') == 1
    assert wide.count('class="line judged"') == 2


def test_text_from_outside_cannot_become_markup() -> None:
    page = render([SUCCESS], "<script>alert(1)</script>")
    assert "<script>alert" not in page
    assert "put the &lt;square&gt;" in page
    assert "Made up &lt;PROGRESSING&gt; &amp; nothing more." in page


def test_an_episode_without_verdicts_pictures_or_truth_still_makes_a_page() -> None:
    bare = trace(known=False)
    empty = type(bare)(bare.name, bare.task, bare.started_ns, 0.0, ("front",), (), ())
    page = render([empty], "Test")
    _checked(page)
    assert "No verdict was given." in page


def test_the_page_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "new folder" / "report.html"
    assert write_report([SUCCESS], place, "First") == place
    assert write_report([FAILURE], place, "Second").read_text().count("<h1>Second</h1>") == 1
    assert [path.name for path in place.parent.iterdir()] == ["report.html"]


def test_verdicts_stand_beside_the_recorded_truth_with_intervals_and_numbers() -> None:
    page = render([SUCCESS, FAILURE, FAILURE], "Test")
    assert "Agreement with the recorded truth" in page
    assert "Agreement with people" not in page
    line = page.split("verdict on success is right</th>")[1].split("</tr>")[0]
    assert re.findall(r">([^<>]+)</td>", line) == ["100 %", "44 to 100", "3"]


def test_what_people_say_counts_where_the_worst_is_looked_for() -> None:
    said = people_say([Label(episode="one", success=False, score=0.2, rater="anna", note="<never> there")])["one"]
    right, blamed = Row.of(0, SUCCESS), Row.of(1, SUCCESS, said)
    assert (right.agrees, blamed.agrees, blamed.differs_from) == (True, False, ("people",))
    assert worst_first([right, Row.of(2, FAILURE), blamed]) == [blamed, Row.of(2, FAILURE), right]


def test_success_that_is_claimed_for_a_failure_is_the_worst() -> None:
    claimed = Row.of(0, trace((1.0, State.SUCCEEDED), mode="STALL", onset_s=4.0))
    missed = Row.of(1, trace((1.0, State.PROGRESSING), mode="STALL", onset_s=4.0))
    unknown = Row.of(2, trace((1.0, State.STALLED), known=False))
    rows = [unknown, Row.of(3, SUCCESS), missed, Row.of(4, FAILURE), claimed]
    assert [row.index for row in worst_first(rows)] == [0, 1, 4, 2, 3]


def test_subtasks_and_findings_are_drawn_and_told() -> None:
    finding = Finding(Layer.THRESHOLD, "force", "wrist", Effect.FAILURE, "Force 52 N > 40 N.", 0)
    told = replace(FAILURE, steps=(Step("reach & grasp", 0.0, 5.0),), alarms=(Alarm(6.0, 7.0, finding),))
    page = render([told], "Test")
    wide = page.split('<div class="wide">')[1].split("</svg>")[0]
    assert 'class="step even"><title>0.0 s to 5.0 s: reach &amp; grasp' in wide
    assert "<title>6.0 s to 7.0 s: Force 52 N &gt; 40 N.</title>" in wide
    assert "What the layers found" in page


def test_what_every_episode_begins_with_is_no_finding() -> None:
    finding = Finding(Layer.HEALTH, "silent", "front", Effect.BLIND, "No frame yet.", 0)
    assert worth_showing((Alarm(0.0, 0.1, finding), Alarm(3.0, 3.1, finding))) == (Alarm(3.0, 3.1, finding),)


def test_an_episode_beyond_the_limit_says_that_its_pictures_are_left_out(tmp_path: Path) -> None:
    size = sum(len(base64.b64encode(shot.jpeg)) + 40 for shot in FAILURE.shots)
    sources = [lambda _, one=one: Reported(one, one.name) for one in (SUCCESS, FAILURE)]
    page = write_page(sources, tmp_path / "report.html", picture_bytes=size).read_text()
    assert page.count("The pictures of this episode are left out") == 1
    assert "the pictures of the first 1 episodes, the worst ones, lie within it" in page


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JudgeError, match=r"cannot be written to .*; choose another place"):
        write_report([SUCCESS], tmp_path / "file" / "report.html")
