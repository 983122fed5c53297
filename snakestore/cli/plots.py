"""Draw the history of a variable: numbers as lines, choices and booleans as steps.

The extra ``plot`` has both libraries, which are loaded on use.
"""

from __future__ import annotations

import math
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from snakestore.errors import StoreError, ValidationError
from snakestore.escapes import escaped

if TYPE_CHECKING:
    from snakestore import Variable

NEEDS_EXTRA = "needs the extra plot: pip install 'snakestore[plot]'"
MAX_LABEL = 24
"""Characters of a choice beside the axis."""
MAX_WIDTH, MAX_HEIGHT = 120, 24
"""Columns and lines of a plot on a terminal."""
TICKS = 6
"""Versions that are named below the axis."""
LAST_STEP = 0.5
"""How long the step of the present value is, in versions."""
INCHES = (8.0, 4.5)
PIXELS_PER_INCH = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The values of a variable, oldest first, as numbers.

    Attributes:
        title: the name of the variable.
        versions: their versions, ascending.
        numbers: the value of each version; for steps, the position of its label.
        labels: what the steps are called, from bottom to top; empty for a line.
    """

    title: str
    versions: list[int]
    numbers: list[float]
    labels: list[str]

    @property
    def points(self) -> tuple[list[float], list[float]]:
        """The corners of the line. A step keeps its value until the next version."""
        if not self.labels:
            return [*self.versions], self.numbers
        corners: list[tuple[float, float]] = [(self.versions[0], self.numbers[0])]
        for version, number in zip(self.versions[1:], self.numbers[1:], strict=True):
            corners += [(version, corners[-1][1]), (version, number)]
        corners.append((self.versions[-1] + LAST_STEP, self.numbers[-1]))
        return [version for version, _ in corners], [number for _, number in corners]

    @property
    def ticks(self) -> list[int]:
        """A few of the versions, evenly spread."""
        step = max(1, math.ceil(len(self.versions) / TICKS))
        return self.versions[::step]


def series_of(values: Sequence[Variable]) -> Series:
    """What to draw of the versions of a variable, newest first.

    Raises:
        ValidationError: if a value is neither a number nor a choice nor a boolean.
    """
    oldest_first = values[::-1]
    title = escaped(oldest_first[-1].name)
    if all(_is_number(value.value) for value in oldest_first):
        drawn = [(each.version, _finite(each.value)) for each in oldest_first]
        kept = [(version, number) for version, number in drawn if number is not None]
        if not kept:
            message = f"{title} has only values that cannot be drawn, such as NaN"
            raise ValidationError(message)
        return _series(title, kept, [])
    if not all(_is_step(value) for value in oldest_first):
        message = (
            f"{title} cannot be drawn: --plot and --png take numbers, choices and booleans, not"
            f" values of the type {oldest_first[-1].type}"
        )
        raise ValidationError(message)
    steps = [(each.version, _label(each.value)) for each in oldest_first]
    labels = _ordered_labels(oldest_first[-1], [label for _, label in steps])
    positions = {label: float(position) for position, label in enumerate(labels)}
    return _series(title, [(version, positions[label]) for version, label in steps], labels)


def terminal_plot(series: Series) -> str:
    """The plot as text that fits the terminal, without colours.

    Raises:
        StoreError: if plotext is not installed.
    """
    try:
        import plotext  # noqa: PLC0415 - an extra
    except ImportError as missing:
        message = f"--plot {NEEDS_EXTRA}"
        raise StoreError(message) from missing
    columns, lines = shutil.get_terminal_size()
    figure = plotext.figure
    figure.clear()
    figure.plot_size(min(columns, MAX_WIDTH), min(lines - 2, MAX_HEIGHT))
    figure.title(series.title)
    figure.label("version")
    figure.draw(figure.signal(*series.points).lines())
    figure.ruler("x").ticks(series.ticks, [str(version) for version in series.ticks])
    if series.labels:
        figure.ruler("y").ticks(list(range(len(series.labels))), series.labels)
    text = str(plotext.uncolorize(str(figure.build())))
    return "\n".join(line.rstrip() for line in text.splitlines())


def write_png(series: Series, path: str) -> None:
    """Write the plot as an image of 1200 by 675 pixels. An existing file is replaced.

    Raises:
        StoreError: if matplotlib is not installed.
        OSError: if the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra
    except ImportError as missing:
        message = f"--png {NEEDS_EXTRA}"
        raise StoreError(message) from missing
    figure = Figure(figsize=INCHES, dpi=PIXELS_PER_INCH, layout="constrained")
    axes = cast("Any", figure.subplots())
    axes.plot(*series.points, marker="" if series.labels else "o")
    # text of the store is no formula: "$" stays what it is
    axes.set_title(series.title, parse_math=False)
    axes.set_xlabel("version")
    axes.set_xticks(series.ticks)
    if series.labels:
        axes.set_yticks(range(len(series.labels)), series.labels, parse_math=False)
    axes.grid(visible=True, alpha=0.3)
    with warnings.catch_warnings():
        # a name in a script that the font lacks is drawn as boxes
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(path, format="png")


def _series(title: str, points: list[tuple[int, float]], labels: list[str]) -> Series:
    return Series(
        title=title,
        versions=[version for version, _ in points],
        numbers=[number for _, number in points],
        labels=labels,
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(value: float) -> float | None:
    """A number as a float; None for what has no place on an axis."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _is_step(variable: Variable) -> bool:
    return isinstance(variable.value, bool) or variable.type == "choice"


def _label(value: object) -> str:
    text = escaped(str(value).lower() if isinstance(value, bool) else str(value))
    return text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 1]}…"


def _ordered_labels(variable: Variable, used: list[str]) -> list[str]:
    """The labels from bottom to top: false, true; choices in the order of the constraint."""
    choices = variable.constraints.get("choices", [])
    known = [_label(choice) for choice in (*choices, False, True)]
    return [label for label in dict.fromkeys([*known, *used]) if label in used]
