"""The waterfall as text and as a page."""

from __future__ import annotations

import html.parser
import re

import pytest

from nova_mini.waterfall import page, text, walk
from tests.unit.waterfall.test_walk import BUILD, action, at, event

HOSTILE = '</text></svg><script>alert(1)</script>" onload="x\x1b[2J'


def found(**columns) -> list[walk.Walk]:
    return [walk.make(action(**columns), BUILD, at(2000))]


@pytest.mark.parametrize("width", [70, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width):
    long = event("compute_" + "x" * 300, 300, 400, "h" * 300, details="because " * 60 + "y" * 400)
    walks = [*found(), walk.make(action(project_id="p" * 255), [*BUILD, long], at(2000))]
    shown = text.render(walks, width, colour=False, ascii_only=False)
    assert max(map(len, shown.splitlines())) <= width
    assert "FakeDriver.spawn" in shown


def test_the_bars_are_in_the_order_of_the_times():
    lines = text.render(found(), 120, colour=False, ascii_only=True).splitlines()
    lengths = {line.split()[0]: (line.find("#"), line.count("#")) for line in lines if "#" in line}
    assert lengths["request"][0] < lengths["choose_hosts"][0] < lengths["FakeDriver.spawn"][0]
    assert lengths["FakeDriver.spawn"][1] > lengths["ResourceTracker.instance_claim"][1]
    spawn = next(line for line in lines if "spawn" in line)
    assert spawn.split()[1:4] == ["compute@c1", "400", "500"]


def test_colours_only_if_they_are_wanted():
    assert "\x1b" not in text.render(found(), 80, colour=False, ascii_only=False)
    assert "\x1b[32m" in text.render(found(), 80, colour=True, ascii_only=False)


def test_ascii_only():
    assert text.render(found(), 80, colour=False, ascii_only=True).isascii()


def test_texts_of_users_do_not_control_the_terminal():
    failed = event("compute_stop_instance", 50, 60, "c1", result="Error", details=HOSTILE)
    walks = [walk.make(action(project_id=HOSTILE), [failed], at(2000))]
    shown = text.render(walks, 80, colour=False, ascii_only=False)
    assert "\x1b" not in shown and "failed: " in shown


class _Elements(html.parser.HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, source: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_the_page_has_a_picture_with_a_bar_for_each_step():
    elements = _Elements(page.render(found(), "req-1")).elements
    names = [tag for tag, _ in elements]
    assert names.count("svg") == 1 and names.count("rect") == len(BUILD) + 1
    bars = [attributes for tag, attributes in elements if tag == "rect"]
    widths = [float(bar["width"]) for bar in bars]
    assert max(widths) == widths[6]  # of compute_build_and_run_instance
    assert len({bar["fill"] for bar in bars}) == 4  # api, conductor, scheduler, compute


def test_the_page_loads_nothing():
    source = page.render(found(), "req-1")
    policy = [at for tag, at in _Elements(source).elements if "http-equiv" in at]
    assert policy[0]["content"].startswith("default-src 'none'")
    assert not re.search(r"\b(src|href)=", source) and "url(" not in source
    assert set(re.findall(r"https?://[^\"' ]*", source)) == {"http://www.w3.org/2000/svg"}


def test_the_page_escapes_all_texts_of_the_history():
    odd = event(HOSTILE, 50, 60, HOSTILE, details=HOSTILE, result="Error")
    columns = dict.fromkeys(("action", "request_id", "project_id", "user_id"), HOSTILE)
    row = action(**columns, instance_uuid=HOSTILE)
    parsed = _Elements(page.render([walk.make(row, [odd], at(2000))], HOSTILE))
    assert "script" not in {tag for tag, _ in parsed.elements}
    assert not any("onload" in attributes for _, attributes in parsed.elements)
    assert "alert(1)" in parsed.text and "\x1b" not in parsed.text
