"""Values, times and sizes as HTML. What the store holds is text here, never markup."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup, escape

_SHORT = 80
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_THOUSAND = 1000


def link(page: str, text: Any, **parameters: Any) -> Markup:
    """A link to a page of the inspector. Ids are parameters, because they hold any character."""
    return Markup('<a href="{}">{}</a>').format(address(page, **parameters), text)


def address(page: str, **parameters: Any) -> str:
    """The address of a page of the inspector."""
    return f"/{page}?{urlencode(parameters)}"


def document(text: Any) -> Markup:
    """A JSON text: as it is if it is short, else folded, and pretty-printed inside."""
    if text is None:
        return Markup("")
    shown = pretty(str(text))
    if len(shown) <= _SHORT and "\n" not in shown:
        return Markup('<code class="value">{}</code>').format(shown)
    first = " ".join(shown[: 4 * _SHORT].split())
    beginning = first if len(first) <= _SHORT else f"{first[:_SHORT]}…"
    return Markup(
        "<details class=value><summary><code>{}</code></summary><pre>{}</pre></details>"
    ).format(beginning, shown)


def unfolded(text: Any) -> Markup:
    """A JSON text, pretty-printed."""
    return Markup('<pre class="value" tabindex="0">{}</pre>').format(
        "" if text is None else pretty(str(text))
    )


def pretty(text: str) -> str:
    """A JSON text with line breaks; a JSON string as the text that it is; other text unchanged."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text  # cut, or of no JSON
    if isinstance(value, str) and "\n" in value:
        return value
    if isinstance(value, dict | list) and len(text) > _SHORT:
        return json.dumps(value, indent=2, ensure_ascii=False)
    return text


def size(number: Any) -> Markup:
    """Bytes in the unit that suits them, with the exact number as title."""
    if not isinstance(number, int):
        return Markup("")
    amount, unit = float(number), 0
    while amount >= _THOUSAND and unit < len(_UNITS) - 1:
        amount, unit = amount / _THOUSAND, unit + 1
    shown = f"{number}" if unit == 0 else f"{amount:.1f}"
    return Markup('<span title="{} bytes">{} {}</span>').format(f"{number:,}", shown, _UNITS[unit])


def seconds(number: Any) -> Markup:
    """Seconds with thousands separated."""
    return (
        Markup("{} s").format(f"{number:,.1f}") if isinstance(number, int | float) else Markup("")
    )


def time(text: Any) -> Markup:
    """A time to the second, with the stored text as title."""
    if not text:
        return Markup("")
    shown = str(text)[:19].replace("T", " ")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(text, text, shown)


def unbroken(text: Any) -> Markup:
    """A text in one line."""
    return Markup('<span class="unbroken">{}</span>').format("" if text is None else text)


def plain(value: Any) -> Markup:
    """Anything else."""
    return escape("" if value is None else value)
