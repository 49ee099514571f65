"""The page in a real browser: nothing wider than the window, nothing in the console. Skipped where there is no Chromium."""

import http.server
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
WIDTHS = (375, 1280)
# A window is never as narrow as a phone, a frame is. Whatever is wider, outside of the boxes that scroll, sticks out.
MEASURE = """<!DOCTYPE html><link rel="icon" href="data:,"><body><script>
onload = () => {
  document.title = "measured" + [...document.querySelectorAll("iframe")].map((frame) => {
    const page = frame.contentDocument, wide = page.documentElement.clientWidth;
    page.querySelectorAll("details").forEach((fold) => { fold.open = true });
    const out = [...page.body.querySelectorAll("*")].filter((e) => !e.closest(".wide table, svg, .skip")
      && e.getBoundingClientRect().right > wide + 1);
    const first = out.length ? out[0].tagName : "";
    return ` ${wide}:${page.documentElement.scrollWidth}:${out.length}${first}:${page.querySelectorAll("svg").length}`;
  }).join("");
};
</script>
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the folder `served` of the test is to be had."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *given: Quiet(*given, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_no_overflow_and_a_silent_console(outputs, tmp_path: Path, address: str) -> None:
    long_name = "a_strategy_with_a_name_that_no_phone_can_show_in_one_line_" * 2
    rise = {seed: [0.5, 0.6, 0.7] for seed in range(3)}
    cells = [outputs.cell("random", rise, label="Random"), outputs.cell(long_name, rise, label=long_name)]
    spec = {"paper": "P1", "item": "Fig. 3a", "title": "CIFAR-10", "views": [{"view": "curves"}]}
    outputs.study("ta_vaal_cvpr_fig3a", *cells, spec=spec)
    outputs.cell("margin", rise, run={"warnings": [{"stage": 1, "text": long_name}]})
    served = tmp_path / "served"
    (served / "report.html").write_text(outputs.page())
    frames = "".join(
        f'<iframe src="report.html" style="border:0;width:{w}px;height:900px"></iframe>' for w in WIDTHS
    )
    (served / "measure.html").write_text(MEASURE + frames)
    assert BROWSER is not None
    seen = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1400,1000",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr",
            "--virtual-time-budget=10000",
            "--dump-dom",
            f"{address}/measure.html",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    told = re.search(r"<title>measured(.*?)</title>", seen.stdout)
    assert told is not None, seen.stderr[-2000:]
    for measured, width in zip(told[1].split(), WIDTHS, strict=True):
        wide, scrolled, outside, figures = measured.split(":")
        assert int(wide) <= width and int(scrolled) == int(wide) and outside == "0", measured
        assert figures == "2"
    console = [line for line in seen.stderr.splitlines() if "CONSOLE" in line]
    assert console == []
