"""How a stored module differs from a live one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from snakestore.integrations.dspy.document import SavedField, SavedParameter


@dataclass(frozen=True, slots=True)
class Drift:
    """The differences; false if there is none. Other versions alone are no difference."""

    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    reordered: tuple[str, ...] = ()
    changed: dict[str, tuple[str, str]] = field(default_factory=dict)
    versions: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether a module differs."""
        return bool(self.missing or self.extra or self.reordered or self.changed)

    def __str__(self) -> str:
        """All differences in one line."""
        parts = [
            f"{name} {', '.join(paths)}"
            for name, paths in (
                ("missing", self.missing),
                ("extra", self.extra),
                ("reordered", self.reordered),
            )
            if paths
        ]
        for name, pairs in (("changed", self.changed), ("versions", self.versions)):
            if pairs:
                shown = ", ".join(
                    f"{path} (was {old}, is {new})" for path, (old, new) in pairs.items()
                )
                parts.append(f"{name} {shown}")
        return "; ".join(parts) or "none"


def compare(
    saved: Mapping[str, SavedParameter],
    live: Mapping[str, SavedParameter],
    versions: tuple[Mapping[str, str], Mapping[str, str]],
) -> Drift:
    """The drift between the predictors of two modules, by path, and (saved, live) versions."""
    missing = [path for path in saved if path not in live]
    extra = [path for path in live if path not in saved]
    reordered: list[str] = []
    changed: dict[str, tuple[str, str]] = {}
    for path in (each for each in saved if each in live):
        old, new = saved[path], live[path]
        if old.class_name != new.class_name:
            changed[path] = old.class_name, new.class_name
        before = {each.name: each for each in old.fields}
        after = {each.name: each for each in new.fields}
        missing += [_field_path(path, name) for name in before if name not in after]
        extra += [_field_path(path, name) for name in after if name not in before]
        common = [name for name in before if name in after]
        if common != [name for name in after if name in before]:
            reordered.append(path)
        changed |= {
            _field_path(path, name): (_shown(before[name]), _shown(after[name]))
            for name in common
            if before[name] != after[name]
        }
    return Drift(
        tuple(missing),
        tuple(extra),
        tuple(reordered),
        changed,
        _other_versions(*versions),
    )


def fields_among(paths: Iterable[str], predictor: str) -> list[str]:
    """The names of the fields of a predictor that are among paths of a drift."""
    prefix = _field_path(predictor, "")
    return [path.removeprefix(prefix) for path in paths if path.startswith(prefix)]


def _field_path(path: str, name: str) -> str:
    return f"{path}.signature.{name}"


def _shown(each: SavedField) -> str:
    return f"{each.kind} {each.type}"


def _other_versions(
    saved: Mapping[str, str], live: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """The versions whose first two numbers differ."""
    return {
        name: (old, live.get(name, "not installed"))
        for name, old in saved.items()
        if old.split(".")[:2] != live.get(name, "").split(".")[:2]
    }
