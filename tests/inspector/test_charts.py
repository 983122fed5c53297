"""Which values of the inspector are drawn, and how."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.inspector.conftest import UNCLOSED

pytest.importorskip("datasette", reason="the extra `inspect` is not installed")

from snakestore.inspector import charts

pytestmark = UNCLOSED


def encoding(*values_of_versions: str) -> dict[str, Any]:
    chart = charts.history_chart(list(enumerate(values_of_versions)))
    assert chart is not None
    return {
        "interpolate": chart["mark"]["interpolate"],
        "type": chart["encoding"]["y"]["type"],
        "values": [row["value"] for row in chart["data"]["values"]],
    }


def test_numbers_are_lines_and_choices_and_booleans_are_steps():
    assert encoding("0.5", "2") == {
        "interpolate": "linear", "type": "quantitative", "values": [0.5, 2],
    }  # fmt: skip
    assert encoding('"fast"', '"slow"') == {
        "interpolate": "step-after", "type": "nominal", "values": ["fast", "slow"],
    }  # fmt: skip
    assert encoding("true", "false")["interpolate"] == "step-after"


@pytest.mark.parametrize(
    "texts", [[], ["<binary, 3 bytes>"], [f'"text {number}"' for number in range(40)]]
)
def test_what_cannot_be_drawn_has_no_chart(texts):
    assert charts.history_chart(list(enumerate(texts))) is None


@pytest.mark.parametrize(
    "text", ["\x1b[31mred", "\x00", "\ud800", "\ufffe", "a\nb", "<b>&amp;", "\u202ex"]
)
def test_a_chart_of_any_text_is_drawn(text):
    pytest.importorskip("vl_convert", reason="the extra `inspect` is not installed")
    history = charts.history_chart([(0, json.dumps(text)), (1, '"fast"')])
    assert history is not None

    images = [charts.svg(history), charts.svg(charts.time_chart([(text, 1)], "updates"))]

    assert [image[:4] for image in images] == ["<svg", "<svg"]


def test_an_integer_beyond_the_floats_is_drawn_as_a_step():
    assert encoding("1", str(10**400))["interpolate"] == "step-after"


def test_times_are_shown_by_day_where_there_are_many_hours():
    hours = [(f"2026-03-{day:02}T{hour:02}", 1) for day in range(1, 11) for hour in range(24)]

    few, many = charts.time_chart(hours[:5], "x"), charts.time_chart(hours, "x")

    assert few["data"]["values"][0]["time"] == "2026-03-01T00:00:00Z"
    assert many["data"]["values"][0] == {"time": "2026-03-01", "number": 24}
    assert len(many["data"]["values"]) == 10


@pytest.mark.parametrize(
    "address",
    [
        "/chart?kind=sessions",
        "/chart?kind=updates",
        "/chart?kind=variable&session=chat-42&name=temperature",
        "/chart?kind=variable&session=chat-42&name=mode",
        "/chart?kind=variable&session=chat-42&name=vector",
    ],
)
def test_charts_are_images_without_anything_from_elsewhere(browse, store, address):
    pytest.importorskip("vl_convert", reason="the extra `inspect` is not installed")

    answer = browse(store)(address)

    assert answer.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert answer.text.startswith("<svg")
    assert re.findall(r'(?:href|src)="', answer.text) == []
