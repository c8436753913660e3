"""What an update of a page leaves alone, and what a page tells the server: fragment.js in a browser, without a server.

Not here: the pages (test_dashboard_flows.py, test_dashboard_looks.py).
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import warren.dashboard
from tests.support.browser import Browsing

_SCRIPT = Path(warren.dashboard.__file__).parent / "fragment.js"

# What Vue makes of the component, as far as it matters here: an element, its HTML, and where its acts go.
_MOUNT = """async (script) => {
  const { default: component } = await import(`data:text/javascript;base64,${script}`);
  window.acts = [];
  const own = { $el: document.body, $emit: (name, told) => window.acts.push(told), html: "" };
  for (const [name, method] of Object.entries(component.methods)) own[name] = method.bind(own);
  component.mounted.call(own);
  window.show = (html) => component.watch.html.call(own, html);
}"""


@pytest.fixture
def page(browsing: Browsing) -> Page:
    page = browsing.open("about:blank")
    page.evaluate(_MOUNT, base64.b64encode(_SCRIPT.read_bytes()).decode())
    return page


def show(page: Page, html: str) -> None:
    page.evaluate("(html) => window.show(html)", html)


def acts(page: Page) -> list[dict[str, Any]]:
    return json.loads(page.evaluate("() => JSON.stringify(window.acts)"))  # type: ignore[no-any-return]


def test_an_update_leaves_focus_what_is_typed_and_what_was_opened(page: Page) -> None:
    html = '<p>{}</p><input id="name"><details><summary>More</summary>text</details>'
    show(page, html.format("one"))
    page.get_by_text("More").click()
    page.locator("#name").press_sequentially("ledger")
    show(page, html.format("two"))
    expect(page.get_by_text("two")).to_be_visible()
    expect(page.locator("#name")).to_be_focused()
    expect(page.locator("#name")).to_have_value("ledger")
    expect(page.locator("details")).to_have_attribute("open", "")


def test_what_the_server_changes_is_changed_over_what_a_person_did(page: Page) -> None:
    show(page, '<input id="name" value="a"><input id="all" type="checkbox"><details id="more"><p>text</p></details>')
    page.locator("#name").fill("mine")
    page.locator("#all").check()
    page.locator("#all").focus()
    show(page, '<input id="name" value="b"><input id="all" type="checkbox" checked><details id="more" open></details>')
    show(page, '<input id="name" value="b"><input id="all" type="checkbox"><details id="more" open></details>')
    expect(page.locator("#name")).to_have_value("b")
    expect(page.locator("#all")).not_to_be_checked()
    expect(page.locator("#more")).to_have_attribute("open", "")


def test_a_row_keeps_its_own_state_wherever_it_goes(page: Page) -> None:
    row = '<tr data-key="{0}"><td><input type="checkbox" id="tick-{0}"></td><td>{0}</td></tr>'
    show(page, f"<table><tbody>{row.format('one')}{row.format('two')}</tbody></table>")
    page.locator("#tick-two").check()
    show(page, f"<table><tbody>{row.format('new')}{row.format('two')}{row.format('one')}</tbody></table>")
    assert page.locator("tr").all_inner_texts() == ["\tnew", "\ttwo", "\tone"]
    expect(page.locator("#tick-two")).to_be_checked()
    expect(page.locator("#tick-two")).to_be_focused()
    expect(page.locator("#tick-one")).not_to_be_checked()


def test_what_comes_with_a_wish_for_the_focus_gets_it_from_what_went_with_the_update(page: Page) -> None:
    form = '<form data-key="form"><h2 tabindex="-1" data-focus>Replay</h2><input aria-label="Why"></form>'
    show(page, '<button data-key="open">Replay</button>')
    page.get_by_role("button").focus()
    show(page, form)
    expect(page.get_by_role("heading")).to_be_focused()
    page.keyboard.press("Tab")
    show(page, form + "<p>news</p>")
    expect(page.get_by_role("textbox")).to_be_focused()
    show(page, '<button data-key="open" data-focus>Replay</button>')
    expect(page.get_by_role("button")).to_be_focused()


def test_what_goes_leaves_the_focus_to_what_it_was_part_of(page: Page) -> None:
    part = '<article tabindex="-1" data-key="job"><p>Replay</p>{}</article>'
    show(page, part.format("<button>Cancel</button>"))
    page.get_by_role("button").focus()
    show(page, part.format(""))
    expect(page.get_by_role("article")).to_be_focused()


def test_who_is_elsewhere_in_the_page_keeps_the_focus(page: Page) -> None:
    page.evaluate("() => document.documentElement.insertAdjacentHTML('beforeend', '<input aria-label=filter>')")
    page.get_by_role("textbox").focus()
    show(page, '<h2 tabindex="-1" data-focus>Replay</h2>')
    expect(page.get_by_role("textbox")).to_be_focused()


def test_what_the_browser_keeps_is_left_alone(page: Page) -> None:
    show(page, '<div id="chart" data-keep></div>')
    page.evaluate("() => document.getElementById('chart').append('drawn here')")
    show(page, '<div id="chart" data-keep>from the server</div>')
    expect(page.locator("#chart")).to_have_text("drawn here")


def test_a_form_tells_its_fields_its_lists_and_which_button_was_pressed(page: Page) -> None:
    show(
        page,
        """<form data-act="change" data-queue="billing.dead">
        <input name="reason" value="fixed"><input type="checkbox" name="key[]" value="a" checked>
        <input type="checkbox" name="key[]" value="b" checked><input type="checkbox" name="key[]" value="c">
        <button data-kind="replay">Replay</button></form>""",
    )
    page.get_by_role("button", name="Replay").click()
    assert acts(page) == [
        {"act": "change", "queue": "billing.dead", "kind": "replay", "reason": "fixed", "key": ["a", "b"]}
    ]


def test_a_button_that_is_off_tells_nothing(page: Page) -> None:
    show(page, '<button data-act="one" aria-disabled="true">One</button><button data-act="two" data-x="1">Two</button>')
    page.get_by_text("One").dispatch_event("click")
    page.get_by_text("Two").click()
    assert acts(page) == [{"act": "two", "x": "1"}]


def test_a_filter_tells_once_somebody_has_typed(page: Page) -> None:
    show(page, '<input type="search" data-act="filter" data-live>')
    page.get_by_role("searchbox").evaluate(  # at once: a pause between two letters would tell twice
        "(one) => { for (const letter of 'pay') {"
        " one.value += letter; one.dispatchEvent(new InputEvent('input', {bubbles: true})); } }"
    )
    page.wait_for_function("() => window.acts.length > 0")
    assert [(act["act"], act["value"]) for act in acts(page)] == [("filter", "pay")]
