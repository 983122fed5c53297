"""The inspector in Chromium: no errors, keyboard, sizes of screens, light and dark mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.inspector.chromium import EXECUTABLE, chromium, served
from tests.inspector.conftest import HOSTILE, filled

pytestmark = pytest.mark.slow

pytest.importorskip("datasette", reason="the extra `inspect` is not installed")
pytest.importorskip("vl_convert", reason="the extra `inspect` is not installed")
pytest.importorskip("playwright", reason="the extra `browser` is not installed")
if EXECUTABLE is None:
    pytest.skip("Chromium is not installed", allow_module_level=True)

PAGES = {
    "home": "/",
    "sessions": "/sessions",
    "session": "/session?id=chat-42",
    "variable": "/variable?session=chat-42&name=temperature",
    "choice": "/variable?session=chat-42&name=mode",
    "program": "/program?session=chat-42&id=qa",
    "log": "/log?session=chat-42&name=talk",
    "questions": "/store",
    "question": "/store/changed-last-hour",
    "question with parameters": "/store/value-at-a-time",
    "view": "/store/variable_overview",
    "query": "/store?sql=select+*+from+session_overview",
    "missing": "/session?id=none",
    "hostile session": f"/session?{urlencode({'id': HOSTILE})}",
    "hostile variable": f"/variable?{urlencode({'session': HOSTILE, 'name': HOSTILE})}",
    "hostile program": f"/program?{urlencode({'session': HOSTILE, 'id': HOSTILE})}",
    "hostile log": f"/log?{urlencode({'session': HOSTILE, 'name': HOSTILE})}",
}
CONTRAST = """() => {
  const light = text => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(each => {
      const part = each / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!colour.endsWith(", 0)")) return colour;
    }
    return getComputedStyle(document.body).backgroundColor;
  };
  let least = 21;
  for (const element of document.querySelectorAll("main *, header *, footer")) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))];
    least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  return least;
}"""
"""The least contrast of a text with what is behind it, as WCAG computes it."""
REACHABLE = """[...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]'
)].filter(element => element.checkVisibility()).length"""
"""How many elements can be used."""
FOCUSED = "[...document.querySelectorAll('*')].indexOf(document.activeElement)"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(filled(tmp_path_factory.mktemp("store") / "agent.db")) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_readable_and_without_an_error(browser, address, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda request: problems.append(request.url))
    page.on(
        "request",
        lambda request: None if request.url.startswith(address) else problems.append(request.url),
    )
    found = {}
    for name, path in PAGES.items():
        page.goto(address + path, wait_until="networkidle")
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        broken = page.evaluate("[...document.images].filter(image => !image.naturalWidth).length")
        found[name] = (wide, broken, page.evaluate(CONTRAST) >= 4.5)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.close()

    # the browser itself notes that a page was answered with 404
    assert [each for each in problems if "404" not in each] == []
    assert found == dict.fromkeys(PAGES, (False, 0, True))
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]


def test_markup_in_the_store_is_shown_and_not_run(browser, address):
    page = browser.new_page()
    for name in (each for each in PAGES if each.startswith("hostile")):
        page.goto(address + PAGES[name], wait_until="networkidle")

        assert HOSTILE in page.inner_text("main")
        assert page.title() != "run"
        assert page.evaluate("document.scripts.length") == 0
    page.close()


def test_the_policy_stops_a_script_that_were_in_a_page(browser, address):
    page = browser.new_page()
    page.goto(address)
    page.evaluate(
        "const script = document.createElement('script');"
        " script.textContent = \"document.title = 'run'\"; document.body.append(script)"
    )

    assert page.title() != "run"
    page.close()


def test_everything_is_reached_and_opened_with_the_keyboard(browser, address):
    page = browser.new_page()
    for name in ("home", "session", "variable", "view", "question with parameters"):
        page.goto(address + PAGES[name], wait_until="networkidle")
        expected = page.evaluate(REACHABLE)
        seen = set()
        for _ in range(expected):
            page.keyboard.press("Tab")
            seen.add(page.evaluate(FOCUSED))
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        assert len(seen) == expected, name
    page.goto(address + PAGES["session"])
    folded = page.locator("details.value").first
    folded.locator("summary").focus()
    page.keyboard.press("Enter")

    assert folded.get_attribute("open") is not None
    page.close()


def test_a_question_is_asked_with_its_form(browser, address):
    page = browser.new_page()
    page.goto(f"{address}/store/rolled-back")
    page.get_by_label("session").fill("chat-42")
    page.keyboard.press("Enter")
    page.wait_for_url("**session=chat-42**")

    assert "worse answers" in page.inner_text("table")
    page.close()
