"""Takes the pictures of docs/report.md in a headless Chromium, from the bundled episodes as they are judged now.

python tools/picture_report.py docs/images
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

from browser import Page, browser
from PIL import Image

from vlm_judge_ros.cli import main
from vlm_judge_ros.replay.bundled import bundled_episode, bundled_episodes

QUALITY = 82
DROPPED = "pick-place_drop_900008"
# What one person saw in some of them; one of these opinions differs from the verdict.
LABELS = """episode,score,success,failure_mode,onset_s,rater,note
pick-place_drop_900008,0.3,no,OBJECT_DROPPED,5.9,anna,"slipped, then fell"
pick-place_none_900006,1,yes,,,anna,
push_grasp_missed_900004,0.05,no,GRASP_MISSED,2.9,anna,
drawer-open_none_900005,0.9,yes,,,anna,
door-open_undone_900006,0.5,no,UNDONE,6.0,anna,
push_wrong_place_900008,0.6,no,WRONG_PLACE,6.5,anna,
button-press-topdown_pause_900005,0.8,no,,,anna,looked as if it did not click
"""


def take(folder: Path) -> None:
    """Judge the bundled episodes and write the pictures."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        results = Path(temporary) / "results"
        os.chdir(bundled_episode(DROPPED).parent)  # the page tells the paths as they were given
        if main(["score", *bundled_episodes(), "--out", str(results)]):
            raise SystemExit("not every bundled episode could be judged")
        (results / "labels.csv").write_text(LABELS, encoding="utf-8")
        main(["report", str(results)])
        with browser() as page:
            _take_all(page, results / "report.html", folder)


def _take_all(page: Page, report: Path, folder: Path) -> None:
    page.show(1120)
    page.open(report)
    number = page.evaluate(
        f"[...document.querySelectorAll('details.episode')].find((one) => one.textContent.includes('{DROPPED}')).id"
    )
    page.evaluate("Promise.all([...document.images].filter((one) => one.src).map((one) => one.decode()))")
    _write(page.png(f"#{number}"), folder / "report_episode.webp")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = false; })")
    page.show(1120, 1180)
    page.evaluate("scrollTo(0, 0)")
    _write(page.png(), folder / "report.webp")
    _write(page.png("section[aria-labelledby=agreement-heading]"), folder / "report_agreement.webp")
    page.show(360, 760, "dark", scale=2.0)
    page.evaluate(f"document.querySelector('#{number}').open = true")
    page.evaluate(f"document.querySelector('#{number} .curves').scrollIntoView()")
    _write(page.png(), folder / "report_phone.webp")


def _write(png: bytes, path: Path) -> None:
    Image.open(io.BytesIO(png)).convert("RGB").save(path, quality=QUALITY, method=6)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python tools/picture_report.py FOLDER")
    take(Path(sys.argv[1]))
