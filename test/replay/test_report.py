from __future__ import annotations

import base64
import html.parser
import re
from pathlib import Path

import pytest
from replay.judged import PIXEL, trace

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.report import render, write_report
from vlm_judge_ros.verdict.verdict import State

SUCCESS = trace((1.0, State.PROGRESSING), (9.0, State.SUCCEEDED))
FAILURE = trace((1.0, State.PROGRESSING), (8.0, State.FAILED), mode="OBJECT_DROPPED", onset_s=6.4)
VOID = {"meta", "link", "br", "img", "input", "hr"}


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


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JudgeError, match=r"cannot be written to .*; choose another place"):
        write_report([SUCCESS], tmp_path / "file" / "report.html")
