"""The page of a judge card in a real browser; skipped where no Chromium is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Page, browser
from qualify.made_qualified import episode, many

from vlm_judge_ros.judges.card import QualifiedJudge
from vlm_judge_ros.qualify.card_page import render_card, write_card_page
from vlm_judge_ros.qualify.carding import card_name, judge_card
from vlm_judge_ros.qualify.kept import Kept
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode
from vlm_judge_ros.qualify.thresholds import DEFAULT, load_thresholds

HOSTILE = "</style><script>document.title='taken'</script>\"'><img src=x onerror=alert(1)>"


def kept(episodes: list[QualifiedEpisode]) -> Kept:
    judge = QualifiedJudge(model=HOSTILE, model_hash="0" * 16, method="scripted")
    return Kept(tuple(episodes), ("unknown-" + "very" * 30,), judge, "cpu", {"static": "One moment."})


def page_of(episodes: list[QualifiedEpisode]) -> str:
    return render_card(judge_card(kept(episodes), "made", load_thresholds(DEFAULT)), episodes)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("card") / "judge_card.html"
    episodes = [*many(12, tasks=2), episode("hostile", task=HOSTILE, cameras=(HOSTILE,))]
    write_card_page(path, judge_card(kept(episodes), "made", load_thresholds(DEFAULT)), episodes)
    return path


def test_a_card_of_one_unscored_episode_has_a_page_too() -> None:
    page = page_of([episode("alone", success=None, progress=(), score=0.5)])
    assert "Not fit for stopping a robot" in page
    assert "data-drawing=" not in page


def test_the_name_of_a_card_is_that_of_its_folder_as_far_as_names_allow(tmp_path: Path) -> None:
    assert card_name(tmp_path / "my judge (2)") == "my-judge-2-"
    assert card_name(tmp_path / "\u00e4") == "judge-card"


@pytest.fixture(scope="module")
def page(place: Path) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with browser() as page:
        page.show(1200)
        page.open(place)
        yield page
        assert page.complaints == []
        assert page.requests == [place.as_uri()]


def test_everything_is_drawn_and_nothing_is_run(page: Page) -> None:
    assert page.evaluate("document.title") == "Judge card made"
    assert page.evaluate("document.querySelectorAll('.fit li').length") == 5
    assert page.evaluate("document.querySelectorAll('script, img').length") == 0
    for part in ("reliability", "delays"):
        assert page.evaluate(f"document.querySelectorAll('[data-drawing={part}] svg').length") == 1
    assert page.evaluate("document.querySelectorAll('[data-table=confusion] td').length") > 4
    assert page.evaluate("document.querySelectorAll('tr[data-figure=voc] svg').length") == 1


@pytest.mark.parametrize("width", [1200, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_screen_and_a_phone_by_day_and_by_night(page: Page, width: int, scheme: str) -> None:
    page.show(width, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 22, 26)"
    assert dark == (scheme == "dark")
