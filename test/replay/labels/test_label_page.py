from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Page, browser
from replay.episode_bag import EpisodeBag
from replay.labels.label_page import Running, copies, running

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.replay.labels.labels import read_labels

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
EPISODES = 20
BOUND_S = 60.0


@pytest.fixture(scope="module")
def window() -> Iterator[Page]:
    with browser() as page:
        yield page


def _await(window: Page, condition: str) -> None:
    end_s = time.monotonic() + BOUND_S
    while not window.evaluate(condition):
        assert time.monotonic() < end_s, f"{condition} within {BOUND_S:g} s; the page says {_text(window, 'message')!r}"
        time.sleep(0.02)


def _text(window: Page, element: str) -> str:
    text: str = window.evaluate(f"document.getElementById('{element}').textContent")
    return text


def _place(window: Page, text: str) -> None:
    _await(window, f"document.getElementById('place').textContent.startsWith('{text}')")


def _open(window: Page, page: Running, place: str = "") -> None:
    window.visit("about:blank")  # what the page before still asks is its own
    window.complaints.clear()
    window.requests.clear()
    window.show(1280, 900)
    window.visit(page.server.address)
    _place(window, place)
    _await(window, "document.querySelectorAll('canvas').length >= 2")
    _await(window, "!document.getElementById('clock').textContent.endsWith(' of 0.0 s')")


def test_twenty_episodes_are_labelled_by_keys_alone(tmp_path: Path, window: Page) -> None:
    out = tmp_path / "labels.csv"
    expected: dict[str, tuple[float, bool, FailureMode | None, bool]] = {}
    with running(copies(tmp_path, EPISODES), out) as page:
        _open(window, page, f"1 of {EPISODES}, 0 labelled by Ada")
        for number, item in enumerate(page.sitting.items):
            _place(window, f"{number + 1} of {EPISODES}, {number} labelled by Ada")
            window.press(" ")
            keys = "10" if number == 3 else str(number % 10)
            for key in keys:
                window.press(key)
            success = number % 3 == 0
            if success:
                window.press("y")
            else:
                for key in ("m", "c", "o"):  # the list of modes, the third of it, and the failure began now
                    window.press(key)
            window.press("Enter")
            score = 1.0 if number == 3 else number % 10 / 10
            expected[item.keys[0]] = (score, success, None if success else FailureMode.OBJECT_DROPPED, not success)
        _await(window, f"document.getElementById('message').textContent.startsWith('All {EPISODES} are labelled.')")
        assert window.complaints == []
        assert all(address.startswith(page.server.address) for address in window.requests)
    labels = {label.episode: label for label in read_labels(out)}
    said = {
        key: (label.score, label.success, label.failure_mode, label.onset_s is not None)
        for key, label in labels.items()
    }
    assert said == expected
    assert {label.rater for label in labels.values()} == {"Ada"}


def test_it_goes_on_where_it_stopped_and_takes_a_label_back(tmp_path: Path, window: Page) -> None:
    out = tmp_path / "labels.csv"
    with running(copies(tmp_path, 3), out) as page:
        _open(window, page, "1 of 3, 0 labelled")
        for key in ("4", "n", "Enter"):
            window.press(key)
        _place(window, "2 of 3, 1 labelled")
    with running(copies(tmp_path / "again", 3), out) as page:
        _open(window, page, "2 of 3, 1 labelled")
        window.press("[")
        _place(window, "1 of 3, 1 labelled by Ada (this one is)")
        assert window.evaluate("document.querySelector('#scores [aria-pressed=true]').value") == "0.4"
        for key in ("7", "Enter"):
            window.press(key)
        _place(window, "2 of 3, 1 labelled")
        assert [(label.score, label.success) for label in read_labels(out)] == [(0.7, False)]
        window.press("u")
        _place(window, "1 of 3, 1 labelled by Ada (this one is)")
        assert [(label.score, label.success) for label in read_labels(out)] == [(0.4, False)]
        assert window.complaints == []


def test_the_pictures_are_those_of_the_moment(tmp_path: Path, window: Page) -> None:
    def brightness(column: int) -> str:
        return f"document.querySelector('canvas').getContext('2d').getImageData({column}, 60, 1, 1).data[0]"

    with running(copies(tmp_path, 1, EpisodeBag(duration_s=2.0)), tmp_path / "labels.csv") as page:
        _open(window, page)
        window.evaluate("document.getElementById('time').value = 0")
        window.evaluate("document.getElementById('time').dispatchEvent(new Event('input'))")
        _await(window, f"document.querySelector('canvas').width === 160 && {brightness(15)} > 180")
        for _ in range(10):
            window.press("ArrowRight")
        _await(window, "document.getElementById('clock').textContent === '1.0 s of 2.0 s'")
        _await(window, f"{brightness(15)} < 120 && {brightness(65)} > 180")
        window.press("ArrowLeft")
        _await(window, "document.getElementById('clock').textContent === '0.9 s of 2.0 s'")
        for key in ("n", "o"):
            window.press(key)
        _await(window, "document.getElementById('onset-time').textContent === 'began 0.90 s'")
        window.press("y")
        _await(window, "document.getElementById('onset-time').textContent === 'began here'")
        for key, speed in (("ArrowUp", "4"), ("ArrowUp", "8"), ("ArrowUp", "8"), ("ArrowDown", "4")):
            window.press(key)
            _await(window, f"document.getElementById('speed').value === '{speed}'")
        window.press(" ")
        _await(window, "document.getElementById('clock').textContent === '2.0 s of 2.0 s'")
        assert [text for text in window.complaints if "getImageData" not in text] == []  # that is our own reading


def test_two_episodes_are_compared_by_one_key(tmp_path: Path, window: Page) -> None:
    out = tmp_path / "labels.csv"
    with running(copies(tmp_path, 3), out, in_pairs=True) as page:
        _open(window, page, "1 of 3, 0 labelled")
        assert window.evaluate("document.querySelectorAll('canvas').length") == 4
        for number, key in enumerate("lrt"):
            _place(window, f"{number + 1} of 3, {number} labelled")
            window.press(key)
        _await(window, "document.getElementById('message').textContent.startsWith('All 3 are labelled.')")
        items = page.sitting.items
        assert [(label.episode, label.preferred_over) for label in read_labels(out)] == [
            items[0].keys,
            items[1].keys[::-1],
            (items[2].keys[0], f"tie:{items[2].keys[1]}"),
        ]
        assert window.complaints == []


def test_the_verdict_of_the_judge_is_hidden_until_it_is_asked_for(tmp_path: Path, window: Page) -> None:
    out = tmp_path / "labels.csv"
    with running(copies(tmp_path, 2), out, verdicts=lambda key: {"text": "FAILED <b>here</b>"}) as page:
        _open(window, page)
        assert window.evaluate("document.getElementById('said-by-judge').hidden")
        assert not any("verdict" in address for address in window.requests)
        window.press("v")
        _await(window, "!document.getElementById('said-by-judge').hidden")
        assert _text(window, "said-by-judge") == "FAILED <b>here</b>"
        for key in ("5", "Enter"):
            window.press(key)
        _place(window, "2 of 2, 1 labelled")
        assert window.evaluate("document.getElementById('said-by-judge').hidden")
        assert [label.note for label in read_labels(out)] == ["The judge's verdict was shown."]


def test_a_label_that_cannot_be_saved_is_told_and_stays_on_the_page(tmp_path: Path, window: Page) -> None:
    out = tmp_path / "labels.csv"
    with running(copies(tmp_path, 2), out) as page:
        _open(window, page)
        window.press("Enter")
        _await(window, "document.getElementById('message').textContent.startsWith('Nothing is said of this episode')")
        out.write_text("broken\n")
        for key in ("5", "Enter"):
            window.press(key)
        _await(window, "document.getElementById('message').textContent.includes('there is no column')")
        assert _text(window, "place").startswith("1 of 2")
        out.unlink()
        window.press("Enter")
        _place(window, "2 of 2, 1 labelled")


def test_a_program_that_has_ended_is_told(tmp_path: Path, window: Page) -> None:
    with running(copies(tmp_path, 2), tmp_path / "labels.csv") as page:
        _open(window, page)
        window.press(" ")
    # Threads of the server still answer on the connections that stand; those of an ended program would not.
    window.evaluate("fetch = () => Promise.reject(new TypeError('refused'))")
    for key in ("5", "Enter"):
        window.press(key)
    _await(window, "document.getElementById('message').textContent.startsWith('The program does not answer')")
    assert _text(window, "place").startswith("1 of 2, 0 labelled")


@pytest.mark.parametrize("in_pairs", [False, True])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(tmp_path: Path, window: Page, in_pairs: bool, scheme: str) -> None:
    with running(copies(tmp_path, 2), tmp_path / "labels.csv", in_pairs=in_pairs) as page:
        _open(window, page)
        window.show(360, 780, scheme)
        assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")
        paper = window.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(17, 22, 26)" if scheme == "dark" else "rgb(244, 245, 246)")
