"""What a notebook shows is read on every backend; tests/interface has the rest."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.every_backend


def test_a_repository_a_session_and_a_log_show_what_they_hold(repo, filled):
    repo.append_log(filled, "shown", [{"score": 0.25}])
    repo.set_values(filled, {"text": "x" * 1000, "bytes": b"y" * 1000})
    view = repo.session(filled)

    shown = view._repr_html_()

    assert f"<td>{filled}</td>" in repo._repr_html_()
    assert "<td>shown</td><td>1</td>" in shown
    assert "xxx…</td>" in shown
    assert "&lt;1,000 bytes&gt;" in shown
    assert "0.25" in view.log("shown")._repr_html_()
    assert view._ipython_key_completions_() == view.variable_names()
