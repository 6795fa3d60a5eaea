"""The page in a real browser; skipped where no Chromium is installed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from browser import CHROMIUM, Page, browser
from replay.judged import PIXEL, ruling, trace

from vlm_judge_ros.replay.page.reported import Reported
from vlm_judge_ros.replay.report import write_page, write_report
from vlm_judge_ros.replay.trace import EpisodeTrace, Shot
from vlm_judge_ros.verdict.verdict import State

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

HOSTILE = "</script><script>document.title='taken'</script>\"'><img src=x onerror=alert(1)>"
WRONG = replace(trace((1.0, State.SUCCEEDED), mode="STALL", onset_s=4.0), name="b wrong", task="stack")
FAILED = replace(trace((8.0, State.FAILED), mode="OBJECT_DROPPED", onset_s=6.4), name="c failed", duration_s=12.0)
RIGHT = replace(
    trace((1.0, State.PROGRESSING), (9.0, State.SUCCEEDED)), name="a right " + "very" * 30, task=HOSTILE, duration_s=9.5
)
UNKNOWN = replace(
    trace(known=False), name=HOSTILE, rulings=(ruling(1.0, State.UNKNOWN, reason=HOSTILE, progress=float("nan")),)
)
ORDER = [WRONG.name, FAILED.name, UNKNOWN.name, RIGHT.name]


@pytest.fixture(scope="module")
def running() -> Iterator[Page]:
    with browser() as page:
        yield page


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report([RIGHT, UNKNOWN, FAILED, WRONG], tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture
def page(running: Page, place: Path) -> Iterator[Page]:
    running.complaints.clear()
    running.requests.clear()
    running.show(1200)
    running.open(place)
    yield running
    assert running.complaints == []
    assert all(address.startswith("file:") for address in running.requests)


def names(page: Page) -> list[str]:
    rows = "[...document.querySelectorAll('.summary tbody tr')].filter((row) => !row.hidden)"
    return [str(name) for name in page.evaluate(f"{rows}.map((row) => row.cells[0].textContent.trim())")]


def head(key: str) -> str:
    return f'.summary th[data-key="{key}"]'


def test_the_worst_episode_comes_first_and_nothing_else_is_asked_for(page: Page, place: Path) -> None:
    assert names(page) == ORDER
    assert page.requests == [place.as_uri()]
    assert page.evaluate("[...document.querySelectorAll('.tiles dt + dd')].map((one) => one.textContent)") == list(
        "4211"
    )


def test_a_click_on_a_header_sorts_and_another_one_turns_the_order_round(page: Page) -> None:
    page.click(head("duration") + " button")
    assert names(page) == [RIGHT.name, WRONG.name, UNKNOWN.name, FAILED.name]
    assert page.evaluate(f"document.querySelector('{head('duration')}').ariaSort") == "ascending"
    page.click(head("duration") + " button")
    assert names(page) == [FAILED.name, WRONG.name, UNKNOWN.name, RIGHT.name]
    page.click("[data-worst]")
    assert names(page) == ORDER
    assert page.evaluate("document.querySelectorAll('[aria-sort=descending], [aria-sort=ascending]').length") == 0


def test_what_is_not_known_comes_last_in_both_orders(page: Page) -> None:
    for _ in range(2):
        page.click(head("progress") + " button")
        assert names(page)[-1] == UNKNOWN.name


def test_the_keyboard_sorts_too(page: Page) -> None:
    page.evaluate(f"document.querySelector('{head('name')} button').focus()")
    page.press("Enter")
    assert names(page)[0] == UNKNOWN.name


def test_filters_hide_rows_and_their_episodes(page: Page) -> None:
    page.click('[data-filter="text"]')
    for key in "stack":
        page.press(key)
    assert names(page) == [WRONG.name]
    assert page.evaluate("document.querySelector('[data-count]').textContent") == "1 of 4 episodes"
    assert page.evaluate("[...document.querySelectorAll('.episode')].filter((one) => !one.hidden).length") == 1


@pytest.mark.parametrize(
    ("field", "value", "left"),
    [("outcome", "unknown", UNKNOWN), ("mode", "OBJECT_DROPPED", FAILED), ("agrees", "no", WRONG)],
)
def test_a_choice_leaves_what_it_names(page: Page, field: str, value: str, left: EpisodeTrace) -> None:
    page.evaluate(
        f"(() => {{ const field = document.querySelector('[data-filter={field}]'); field.value = '{value}';"
        " field.dispatchEvent(new Event('input')); })()"
    )
    assert names(page) == [left.name]


def test_a_picture_is_enlarged_and_the_arrow_keys_step_through_time(page: Page) -> None:
    caption = "document.querySelector('.lightbox [data-caption]').textContent"
    page.click("#episode-2 .strip .moment:nth-child(2) button")
    assert page.evaluate("document.querySelector('.lightbox').open")
    assert page.evaluate("document.querySelector('.lightbox img').naturalWidth") == 1
    first = page.evaluate(caption)
    page.press("ArrowDown")
    assert page.evaluate(caption) == first.replace("front", "wrist")
    page.press("ArrowRight")
    assert page.evaluate(caption) != first.replace("front", "wrist")
    page.press("Escape")
    assert not page.evaluate("document.querySelector('.lightbox').open")


def test_a_row_opens_its_episode_even_when_it_was_closed(page: Page) -> None:
    page.click('[data-open="none"]')
    assert page.evaluate("document.querySelectorAll('details[open]').length") == 0
    for _ in range(2):
        page.click('.summary a[href="#episode-3"]')
        page.evaluate("new Promise((done) => setTimeout(done, 50))")
        assert page.evaluate("document.querySelector('#episode-3').open")
        page.evaluate("document.querySelector('#episode-3').open = false")


def test_the_playhead_stands_at_the_most_telling_moment(page: Page) -> None:
    visible = page.evaluate("document.querySelector('#episode-2 .wide .playhead').getAttribute('visibility')")
    assert visible == "visible"
    assert page.evaluate("document.querySelector('#episode-2 [data-key=time]').textContent") == "8.1 s"


@pytest.mark.parametrize("width", [360, 500, 701, 1200])
def test_the_page_never_scrolls_sideways(page: Page, width: int) -> None:
    page.show(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page: Page, scheme: str) -> None:
    page.show(1200, scheme=scheme)
    dim = page.evaluate(
        """(() => {
          const light = (text) => {
            const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
              .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const ground = (one) => {
            for (let at = one; at; at = at.parentElement) {
              const colour = getComputedStyle(at).backgroundColor;
              if (!/, 0\\)$/.test(colour)) return colour;
            }
            return "rgb(255, 255, 255)";
          };
          const dim = [];
          for (const one of document.querySelectorAll("main *")) {
            const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
            if (!own || one.closest("svg, script, dialog, select") || !one.getClientRects().length) continue;
            const [a, b] = [light(getComputedStyle(one).color), light(ground(one))];
            const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (contrast < 4.5) dim.push(`${one.className || one.tagName}: ${contrast.toFixed(2)}`);
          }
          return [...new Set(dim)];
        })()"""
    )
    assert dim == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(17, 22, 26)") == (scheme == "dark")


def test_everything_that_can_be_operated_has_a_name_and_every_picture_a_text(page: Page) -> None:
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, input, select, a, [role=img], img')].filter((one) =>"
        " !(one.ariaLabel || one.textContent.trim() || one.alt || one.labels?.length || one.querySelector('img[alt]')))"
        ".map((one) => one.outerHTML)"
    )
    assert nameless == []


def pages(page: Page) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf()))


def test_closed_episodes_are_printed_too_and_are_closed_again_afterwards(page: Page) -> None:
    every = pages(page)
    page.click('[data-open="none"]')
    assert pages(page) == every >= 2 * len(ORDER)
    page.evaluate("new Promise((done) => setTimeout(done, 50))")
    assert page.evaluate("document.querySelectorAll('details[open]').length") == 0


def test_what_a_filter_hides_is_not_printed(page: Page) -> None:
    every = pages(page)
    page.click('[data-filter="text"]')
    for key in "stack":
        page.press(key)
    assert pages(page) < every


def test_the_text_of_an_episode_that_was_never_open_is_printed(running: Page, tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    last = replace(WRONG, rulings=(ruling(1.0, State.SUCCEEDED, reason="The cube lies on the plate.", progress=1.0),))
    running.open(write_report([*[FAILED] * 12, *[RIGHT] * 4, replace(last, truth=None)], tmp_path / "report.html"))
    running.show(1200)
    text = "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(running.pdf())).pages)
    assert "The cube lies on the plate." in text
    assert running.evaluate("document.querySelectorAll('details.episode[open]').length") == 3


def test_the_printed_table_is_whole(page: Page) -> None:
    page.show(794)
    page.call("Emulation.setEmulatedMedia", media="print")
    width, needed = page.evaluate(
        "(({clientWidth, scrollWidth}) => [clientWidth, scrollWidth])(document.querySelector('.scroll'))"
    )
    page.call("Emulation.setEmulatedMedia", media="")
    assert needed <= width


def test_a_long_name_is_broken_between_its_words_on_a_phone(running: Page, tmp_path: Path) -> None:
    named = replace(FAILED, name="button-press-topdown_pause_900005")
    running.open(write_report([named, RIGHT], tmp_path / "report.html"))
    running.show(360)
    tops = running.evaluate(
        "(() => { const link = document.querySelector('.summary tbody a'), range = document.createRange();"
        " const top = (node, offset) => { range.setStart(node, offset); range.setEnd(node, offset + 1);"
        " return Math.round(range.getBoundingClientRect().top); };"
        " return [...link.childNodes].filter((node) => node.nodeType === 3)"
        ".map((node) => [...node.data].map((_, at) => top(node, at))); })()"
    )
    assert len(tops) == 5
    assert all(len(set(word)) == 1 for word in tops)
    assert len({word[0] for word in tops}) > 1
    running.show(1200)
    lines = "new Set([...document.querySelector('.summary tbody a').getClientRects()].map((one) => one.top)).size"
    assert running.evaluate(lines) == 1


def test_text_from_outside_stays_text(page: Page) -> None:
    assert page.evaluate("document.title") == "Judged episodes"
    assert HOSTILE in names(page)
    assert page.evaluate("document.querySelector('#episode-3 .events').textContent.includes('onerror=alert(1)')")


def test_pictures_beyond_the_limit_are_read_from_their_files(running: Page, tmp_path: Path) -> None:
    folder = tmp_path / "an #episode" / "pictures"
    folder.mkdir(parents=True)
    (folder / "0.jpg").write_bytes(PIXEL)
    shots = (Shot("front", 0.0, PIXEL),)
    episode = replace(RIGHT, cameras=("front",), shots=shots)
    linked = Reported(episode, "key", files={("front", 0.0): "an%20%23episode/pictures/0.jpg"})
    place = write_page([lambda _: linked], tmp_path / "report.html", picture_bytes=0)
    assert "data:image" not in place.read_text()
    running.complaints.clear()
    running.open(place)
    running.evaluate("document.querySelector('.strip').scrollIntoView()")
    loaded = (
        "document.querySelector('.strip img').decode().then(() => document.querySelector('.strip img').naturalWidth)"
    )
    assert running.evaluate(loaded) == 1
    assert running.complaints == []


def test_of_many_episodes_only_the_first_are_open(running: Page, tmp_path: Path) -> None:
    place = write_report([replace(FAILED, name=f"episode {index}") for index in range(40)], tmp_path / "report.html")
    running.open(place)
    assert running.evaluate("document.querySelectorAll('details.episode').length") == 40
    assert running.evaluate("document.querySelectorAll('details.episode[open]').length") == 3


def test_an_episode_that_was_closed_is_whole_once_it_is_opened(running: Page, tmp_path: Path) -> None:
    running.complaints.clear()
    hostile = replace(UNKNOWN, name=f"<!--<script>{HOSTILE}</%script>")
    place = write_report([FAILED] * 20 + [hostile], tmp_path / "report.html")
    running.open(place, "#episode-21")
    article = "document.querySelector('#episode-21 article')"
    assert running.evaluate(f"{article}.ariaLabel") == hostile.name
    assert running.evaluate(f"{article}.querySelectorAll('.strip img').length") > 10
    assert running.evaluate(f"{article}.querySelector('.wide .playhead').getAttribute('visibility')") == "visible"
    assert running.evaluate("document.title") == "Judged episodes"
    assert running.complaints == []
