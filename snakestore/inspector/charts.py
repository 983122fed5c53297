"""Charts as SVG, drawn by Vega-Lite on the server: the page needs no script."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from snakestore.escapes import escaped

_WIDTH, _HEIGHT = 420, 170
"""Small, and with large text, because a narrow screen shrinks it."""
_FONT_SIZE = 13
_MAX_CATEGORIES = 24
_MAX_HOURS = 72
_STYLE = "<style>svg{color:#1f2328}@media (prefers-color-scheme:dark){svg{color:#e6edf3}}</style>"
"""An image has no access to the style of its page."""
_GRID = "#8b949e55"
_COLOUR = "#3b82c4"
_CONFIG = {
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "domainColor": "currentColor",
        "tickColor": "currentColor",
        "gridColor": _GRID,
        "labelFontSize": _FONT_SIZE,
        "titleFontSize": _FONT_SIZE,
    },
}


def history_chart(points: Sequence[tuple[int, object]]) -> dict[str, Any] | None:
    """A variable over its versions: numbers as a line, booleans and short texts as steps.

    Args:
        points: version and value as JSON text, in the order of versions.

    Returns:
        A Vega-Lite specification; None if the values cannot be drawn.
    """
    decoded = [(version, _decoded(text)) for version, text in points]
    shown = [(version, value) for version, value in decoded if value is not None]
    if not shown:
        return None
    if all(_is_number(value) for _, value in shown):
        y: dict[str, Any] = {"type": "quantitative", "scale": {"zero": False}}
        interpolate = "linear"
    elif len({str(value) for _, value in shown}) <= _MAX_CATEGORIES:
        y, interpolate = {"type": "nominal"}, "step-after"
        shown = [(version, _label(value)) for version, value in shown]
    else:
        return None
    return _chart(
        [{"version": version, "value": value} for version, value in shown],
        {
            "type": "line",
            "interpolate": interpolate,
            "point": {"color": _COLOUR},
            "color": _COLOUR,
        },
        {"field": "version", "type": "quantitative", "axis": {"tickMinStep": 1, "format": "d"}},
        {"field": "value", "title": None, **y},
    )


def time_chart(hours: Iterable[tuple[str, int]], title: str) -> dict[str, Any]:
    """Numbers by hour, or by day if there are more hours than a chart shows."""
    counted = Counter({escaped(hour): number for hour, number in hours})
    if len(counted) > _MAX_HOURS:
        by_day: Counter[str] = Counter()
        for hour, number in counted.items():
            by_day[hour[:10]] += number
        counted = by_day
    rows = [
        {"time": f"{key}:00:00Z" if len(key) > len("2026-01-01") else key, "number": number}
        for key, number in sorted(counted.items())
    ]
    return _chart(
        rows,
        {"type": "bar", "color": _COLOUR, "width": {"band": 0.8}},
        {"field": "time", "type": "ordinal", "title": None, "axis": _time_axis(rows)},
        {
            "field": "number",
            "type": "quantitative",
            "title": title,
            "axis": {"tickMinStep": 1, "format": "d"},
        },
    )


def _time_axis(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    step = max(1, math.ceil(len(rows) / 5))
    shown = [row["time"] for row in rows[::step]]
    return {
        "values": shown,
        "labelAngle": 0,
        "labelExpr": "length(datum.value) > 10 ? slice(datum.value, 5, 16) : datum.value",
    }


def svg(chart: dict[str, Any]) -> str:
    """The chart as an SVG image that suits light and dark pages."""
    import vl_convert  # noqa: PLC0415 - it takes a while, and only charts need it

    image: str = vl_convert.vegalite_to_svg(chart, allowed_base_urls=[])
    head, end, rest = image.partition(">")
    return f"{head}{end}{_STYLE}{rest}"


def _chart(
    rows: list[dict[str, Any]], mark: dict[str, Any], x: dict[str, Any], y: dict[str, Any]
) -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": rows},
        "width": _WIDTH,
        "height": _HEIGHT,
        "mark": mark,
        "encoding": {"x": x, "y": y},
        "config": _CONFIG,
    }


def _decoded(text: object) -> Any:
    """The value of a JSON text; None if it was cut, is binary or damaged."""
    if not isinstance(text, str):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the floats
        return False


def _label(value: Any) -> str:
    """A text that an image may have; at a control character, the renderer ends the process."""
    text = escaped(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _MAX_CATEGORIES else f"{text[:_MAX_CATEGORIES]}…"
