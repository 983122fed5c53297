"""``var history --plot`` draws on the terminal, ``--png`` writes an image."""

from __future__ import annotations

import builtins
import math
import struct
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository
from snakestore.cli.plots import MAX_LABEL, series_of

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def drawn(store: Path) -> Path:
    """A store with variables of each kind, with a history."""
    kinds: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
        "number": ("float", [0.5, 1.5, math.nan, 1.0], {}),
        "count": ("integer", [1, 10**400, 3], {}),
        "choice": ("choice", ["small", "large", "small"], {"choices": ["small", "mid", "large"]}),
        "flag": ("boolean", [True, False, True], {}),
        "$x^": ("choice", ["$a^", "\x1b[31m$b"], {"choices": ["$a^", "\x1b[31m$b"]}),
        "text": ("string", ["a", "b"], {}),
        "nothing": ("float", [math.nan, math.inf], {}),
    }
    with SessionRepository.open(store) as repo:
        for name, (type_name, values, constraints) in kinds.items():
            repo.register_variable("job-1", name, type_name, values[0], constraints=constraints)
            for value in values[1:]:
                repo.update_variable("job-1", name, value)
    return store


def history(store: Path, name: str) -> list[Any]:
    with SessionRepository.open(store) as repo:
        return [repo.get_variable("job-1", name), *repo.variable_history("job-1", name)]


def test_numbers_are_a_line_without_what_has_no_place_on_an_axis(drawn):
    number, count = series_of(history(drawn, "number")), series_of(history(drawn, "count"))

    assert (number.versions, number.numbers, number.labels) == ([0, 1, 3], [0.5, 1.5, 1.0], [])
    assert number.points == ([0, 1, 3], [0.5, 1.5, 1.0])
    assert (count.versions, count.numbers) == ([0, 2], [1.0, 3.0])


def test_choices_are_steps_in_the_order_of_their_constraint(drawn):
    choice, flag = series_of(history(drawn, "choice")), series_of(history(drawn, "flag"))

    assert (choice.labels, choice.numbers) == (["small", "large"], [0, 1, 0])
    assert choice.points == ([0, 1, 1, 2, 2, 2.5], [0, 0, 1, 1, 0, 0])
    assert (flag.labels, flag.numbers) == (["false", "true"], [1, 0, 1])


def test_long_choices_and_control_characters_are_cut_and_escaped(drawn):
    long = "x" * 100
    with SessionRepository.open(drawn) as repo:
        repo.register_variable("job-1", "long", "choice", long, constraints={"choices": [long]})

    assert series_of(history(drawn, "long")).labels == [f"{'x' * (MAX_LABEL - 1)}…"]
    assert series_of(history(drawn, "$x^")).labels == ["$a^", "\\u001b[31m$b"]


def test_few_versions_are_named_below_the_axis(drawn):
    with SessionRepository.open(drawn) as repo:
        for number in range(50):
            repo.update_variable("job-1", "count", number)

    assert len(series_of(history(drawn, "count")).ticks) <= 6


@pytest.mark.parametrize("name", ["number", "count", "choice", "flag", "$x^"])
def test_plot_draws_on_the_terminal(cli, drawn, name):
    pytest.importorskip("plotext")
    out = cli("history", drawn, "job-1", name, "--plot", env={"COLUMNS": "80", "LINES": "24"})

    lines = out.splitlines()
    assert lines[0].strip() == name
    assert lines[-1].strip() == "version"
    assert all(len(line) <= 80 for line in lines)
    assert len(lines) <= 24
    assert "\x1b" not in out


def test_plot_draws_the_newest_values_that_limit_asks_for(cli, drawn):
    pytest.importorskip("plotext")
    out = cli("var", "history", drawn, "job-1", "number", "--limit", 1, "--plot")

    assert out.splitlines()[-2].split() == ["3"]


@pytest.mark.parametrize("name", ["number", "choice", "$x^"])
def test_png_writes_an_image(cli, drawn, tmp_path, name):
    pytest.importorskip("matplotlib")
    image = tmp_path / "image.png"
    image.write_text("replaced")

    out = cli("history", drawn, "job-1", name, "--png", image)

    content = image.read_bytes()
    assert out == ""
    assert content.startswith(SIGNATURE)
    assert struct.unpack(">II", content[16:24]) == (1200, 675)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("text", "numbers, choices and booleans, not values of the type string"),
        ("nothing", "values that cannot be drawn, such as NaN"),
    ],
)
def test_other_values_are_refused(cli, drawn, name, reason):
    assert reason in cli("history", drawn, "job-1", name, "--plot", code=1)


@pytest.mark.parametrize("listed", ["--json", "--tsv"])
@pytest.mark.parametrize("option", [("--plot",), ("--png", "x.png")])
def test_a_drawing_and_a_list_are_refused_together(cli, drawn, option, listed):
    message = cli("history", drawn, "job-1", "number", *option, listed, code=2)

    assert "choose a drawing" in message


@pytest.mark.parametrize(
    ("option", "package"), [(("--plot",), "plotext"), (("--png", "x.png"), "matplotlib")]
)
def test_a_missing_extra_is_named(cli, drawn, monkeypatch, option, package):
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)

    message = cli("history", drawn, "job-1", "number", *option, code=1)

    assert "pip install 'snakestore[plot]'" in message


def test_an_image_does_not_take_the_place_of_the_store(cli, drawn):
    message = cli("history", drawn, "job-1", "number", "--png", drawn, code=1)

    assert "is the store itself" in message
    assert cli("check", drawn).splitlines()[-1] == "no problems"


def test_an_image_that_cannot_be_written_is_one_line(cli, drawn, tmp_path):
    pytest.importorskip("matplotlib")
    message = cli("history", drawn, "job-1", "number", "--png", tmp_path / "no" / "x.png", code=1)

    assert message.count("\n") == 1
    assert "No such file or directory" in message
