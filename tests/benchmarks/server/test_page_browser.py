"""The pages in a real Chromium, as a person uses them.

`ROUTER_DERBY_SHOTS=FOLDER` keeps a picture of each state.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from fastapi import FastAPI
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)
from starlette.types import Receive, Scope, Send

from benchmarks.server.app import ROUTERS, create_app
from benchmarks.server.keys import Keys
from benchmarks.server.state import State
from benchmarks.settings import Serve
from tests.benchmarks.server import fake_app, parrot
from tests.benchmarks.server.fake_app import ANSWER, ATTACK, LONG_WORD, SLEEP_ANSWER, Fake

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
# The least width that a page must fit without scrolling sideways (WCAG 2.2, 1.4.10).
NARROW: ViewportSize = {"width": 320, "height": 640}
# Facts that a vote on a decision of the stand-in carries.
DECIDED = {"router": "knn", "domain": "car", "confidence": 0.8312}
# Whoever waits for something gets it, also on a busy machine.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM)
        yield found
        found.close()


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Fake, str]]:
    fake = Fake()
    with fake_app.running(fake_app.application(fake)) as address:
        yield fake, address


@pytest.fixture
def fake(server: tuple[Fake, str]) -> Fake:
    """The server's state, as new."""
    vars(server[0]).update(vars(Fake()))
    return server[0]


@pytest.fixture
def address(server: tuple[Fake, str]) -> str:
    return server[1]


@pytest.fixture
def context(browser: Browser, fake: Fake, address: str) -> Iterator[BrowserContext]:
    """A browser without a past. At the end: it asked this server alone, and no script failed."""
    found = browser.new_context(viewport=DESKTOP, color_scheme="light")
    found.set_default_timeout(60_000)
    asked: list[str] = []
    problems: list[str] = []
    found.on("request", lambda request: asked.append(request.url))
    found.on("weberror", lambda error: problems.append(str(error.error)))
    found.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    yield found
    found.close()
    assert asked
    assert [url for url in asked if not url.startswith(f"{address}/")] == []
    # Chromium tells every status of 400 and more, and a connection that fails.
    assert [text for text in problems if not text.startswith("Failed to load resource")] == []


@pytest.fixture
def tab(context: BrowserContext, address: str) -> Page:
    """The page to ask, which knows its server."""
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#known")).to_have_text("Experts here: car, sleep.")
    return page


@pytest.fixture
def numbers(context: BrowserContext, address: str) -> Page:
    """The page of numbers, which has its first, under a clock that a test can move."""
    page = context.new_page()
    page.clock.install(time=0)
    page.goto(f"{address}/status")
    expect(page.get_by_role("heading", name="Router knn")).to_be_visible()
    return page


def write(page: Page, text: str) -> None:
    page.get_by_label("Your question").fill(text)
    page.keyboard.press("Enter")


def ask(page: Page, text: str) -> Locator:
    """Ask, and wait until all is said; the last answer."""
    cards = page.locator(".card")
    before = cards.count()
    write(page, text)
    expect(cards).not_to_have_count(before)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    return cards.last


def messages(*turns: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in turns]


# ------------------------------------------------------------------------------------------ Asking


def test_an_answer_is_shown_while_it_is_written(tab: Page, fake: Fake) -> None:
    write(tab, "A question that is held about oil")
    card = tab.locator(".card")
    expect(card.locator(".answer")).to_have_text(ANSWER[:27])
    expect(card.locator(".chosen")).to_have_text("Expert: car")
    expect(card.locator(".state")).to_have_text("Writing …")
    expect(tab.locator("#announcer p")).to_have_count(0)
    fake.released.set()
    expect(card.locator(".answer")).to_have_text(ANSWER)
    expect(card.locator(".state")).to_be_hidden()
    expect(tab.locator("#announcer p")).to_have_text(f"knn, car: {ANSWER} ")
    assert fake.asked == [
        {
            "model": "auto",
            "messages": messages(("user", "A question that is held about oil")),
            "neighbours": True,
            "stream": True,
        }
    ]


def test_the_reasons_are_all_there(tab: Page) -> None:
    card = ask(tab, "How do I change the oil?")
    expect(card.locator("h3")).to_have_text("knn")
    expect(card.locator(".gauge-text")).to_have_text("Confidence 0.83threshold 0.25")
    boxes = [
        card.locator(name).bounding_box() for name in (".gauge .bar", ".gauge .bar-fill", ".gauge .bar-mark")
    ]
    whole, filled, mark = (box for box in boxes if box)
    assert filled["width"] / whole["width"] == pytest.approx(0.8312, abs=0.01)
    assert (mark["x"] + mark["width"] / 2 - whole["x"]) / whole["width"] == pytest.approx(0.25, abs=0.01)
    why = card.locator(".reasons")
    expect(why.locator("> p")).to_have_text(
        "The confidence of 0.83 reaches the threshold of 0.25, so car is asked."
    )
    expect(why.locator(".scores tbody tr")).to_have_text(["car0.930", "sleep0.070"])
    expect(why.locator(".near li")).to_have_text(
        [
            "How often must oil be changed?car · similarity 0.912",
            "Which oil does a diesel need?car · similarity 0.871",
            "Question sleep-9sleep · similarity 0.402",
        ]
    )
    expect(why.locator(".phases tbody tr")).to_have_text(
        [
            "waiting for a place0.21 ms",
            "cutting into tokens0.12 ms",
            "encoding3.40 ms",
            "searching neighbours0.05 ms",
            "routing, all together3.90 ms",
            "answering1,235 ms",
            "in all1,238 ms",
        ]
    )
    expect(why.locator(".facts div")).to_have_text(
        [
            "Requestrequest-1",
            "Routerknn",
            "Router’s checksumc0ffeec0ffeec0ff",
            "Record’s checksum" + "beef" * 4,
        ]
    )


@pytest.mark.parametrize(
    ("question", "domain", "labels", "sentence"),
    [
        (
            "abstain, please",
            "no expert",
            ["abstained"],
            "The confidence of 0.2496 is below the threshold of 0.2500, so no expert is asked. "
            "The best guess is car.",
        ),
        (
            "a fallback",
            "sleep",
            ["fallback used"],
            "The confidence of 0.12 is below the threshold of 0.25, so the fallback, sleep, is asked. "
            "The best guess is car.",
        ),
        (
            "a guess that is cached",
            "car",
            ["below the threshold", "answer to a similar question, from the cache"],
            "The confidence of 0.12 is below the threshold of 0.25. "
            "The best guess, car, is asked all the same.",
        ),
        (
            "a probable one that is cut",
            "car",
            ["question cut"],
            "The probability of 0.93 reaches the threshold of 0.25, so car is asked. "
            "The question is longer than the router reads: it decided on a part of it.",
        ),
    ],
)
def test_a_decision_in_words(tab: Page, question: str, domain: str, labels: list[str], sentence: str) -> None:
    card = ask(tab, question)
    expect(card.locator(".chosen strong")).to_have_text(domain)
    expect(card.locator(".labels li")).to_have_text(labels)
    expect(card.locator(".reasons > p")).to_contain_text(sentence)


def test_an_abstention_says_so_in_place_of_an_answer(tab: Page) -> None:
    card = ask(tab, "abstain, please")
    expect(card.locator(".state")).to_have_text("The router abstained: no expert was asked.")
    expect(card.locator(".answer")).to_be_hidden()


def test_notes_and_limits_of_an_answer(tab: Page) -> None:
    expect(ask(tab, "up to the limit").locator(".state")).to_have_text(
        "The answer was cut at the expert’s limit."
    )
    expect(ask(tab, "with a note").locator(".state")).to_have_text(
        "Note: the question was cut to 2000 tokens"
    )


def test_of_many_domains_the_best_ten_and_the_rest_when_asked(tab: Page) -> None:
    card = ask(tab, "one of many")
    rows = card.locator(".scores tbody tr")
    expect(rows).to_have_count(10)
    expect(rows.first).to_have_text("topic 0000.013")
    card.get_by_role("button", name="140 more").press("Enter")
    expect(rows).to_have_count(150)
    expect(card.get_by_role("button", name="140 more")).to_have_count(0)
    assert tab.evaluate("document.activeElement.textContent") == "topic 0100.012"


def test_many_domains_in_the_lists(tab: Page, fake: Fake) -> None:
    fake.many = True
    tab.reload()
    expect(tab.locator("#known")).to_contain_text("topic 011 and 138 more.")
    assert tab.locator("#model optgroup").nth(1).locator("option").count() == 150


def test_a_conversation_is_sent_whole_until_a_new_one(tab: Page, fake: Fake) -> None:
    ask(tab, "How do I change the oil?")
    ask(tab, "abstain, please")
    ask(tab, "and how often?")
    first = ("user", "How do I change the oil?")
    assert fake.asked[-1]["messages"] == messages(
        first, ("assistant", ANSWER), ("user", "abstain, please"), ("user", "and how often?")
    )
    tab.get_by_role("button", name="New conversation").click()
    expect(tab.locator(".turn")).to_have_count(0)
    expect(tab.get_by_text("Ask something")).to_be_visible()
    ask(tab, "How do I sleep?")
    assert fake.asked[-1]["messages"] == messages(("user", "How do I sleep?"))


def test_a_router_or_an_expert_can_be_chosen(tab: Page, fake: Fake) -> None:
    options = tab.locator("#model option")
    expect(options).to_have_text(["auto: knn", "knn", "best", "car", "sleep"])
    tab.locator("#model").select_option("best")
    card = ask(tab, "How do I change the oil?")
    expect(card.locator("h3")).to_have_text("best")
    expect(card.locator(".near")).to_have_count(0)
    tab.locator("#model").select_option("domain:sleep")
    card = ask(tab, "How do I sleep?")
    expect(card.locator("h3")).to_have_text("Expert sleep, asked without a router")
    expect(card.locator(".answer")).to_have_text(SLEEP_ANSWER)
    expect(card.locator(".why")).to_be_hidden()
    card.get_by_role("button", name="Good answer").click()
    expect(card.get_by_role("status")).to_have_text("Kept, thank you.")
    assert [asked["model"] for asked in fake.asked] == ["best", "domain:sleep"]
    assert fake.votes == [{"request_id": "request-2", "vote": "up"}]


def test_two_routers_side_by_side_in_one_conversation(tab: Page, fake: Fake) -> None:
    tab.get_by_label("Compare with").select_option("best")
    ask(tab, "How do I change the oil?")
    ask(tab, "and how often?")
    expect(tab.locator(".reasons > p").last).to_contain_text("stay with the expert of your earlier questions")
    cards = tab.locator(".turn").last.locator(".card")
    expect(cards.locator("h3")).to_have_text(["knn", "best"])
    assert sorted(asked["model"] for asked in fake.asked[2:]) == ["auto", "best"]
    same = messages(("user", "How do I change the oil?"), ("assistant", ANSWER), ("user", "and how often?"))
    assert [asked["messages"] for asked in fake.asked[2:]] == [same, same]
    left, right = (cards.nth(place).bounding_box() for place in (0, 1))
    assert left
    assert right
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] < right["x"]
    tab.set_viewport_size(PHONE)
    upper, lower = (cards.nth(place).bounding_box() for place in (0, 1))
    assert upper
    assert lower
    assert upper["x"] == lower["x"]
    assert upper["y"] + upper["height"] < lower["y"]


def test_no_router_is_compared_with_itself(tab: Page) -> None:
    other = tab.get_by_label("Compare with")
    other.select_option("best")
    tab.locator("#model").select_option("best")
    expect(other).to_have_value("")
    expect(other.locator("option[value=best]")).to_be_disabled()


def test_routing_only(tab: Page, fake: Fake) -> None:
    tab.get_by_label("Routing only").check()
    card = ask(tab, "How do I change the oil?")
    expect(card.locator(".chosen strong")).to_have_text("car")
    expect(card.locator(".answer")).to_be_hidden()
    expect(card.locator(".state")).to_be_hidden()
    assert fake.asked[0]["route_only"] is True
    assert "stream" not in fake.asked[0]
    card.get_by_role("button", name="Bad choice").click()
    expect(card.get_by_role("status")).to_have_text("Kept, thank you.")
    assert fake.votes == [{"request_id": "request-1", "vote": "down", **DECIDED}]


def test_the_reasons_stay_as_the_reader_left_them(tab: Page) -> None:
    card = ask(tab, "How do I change the oil?")
    expect(card.locator(".reasons")).to_be_visible()
    card.get_by_text("Why this choice").click()
    expect(ask(tab, "and how often?").locator(".reasons")).to_be_hidden()
    tab.locator(".card").last.get_by_text("Why this choice").click()
    expect(ask(tab, "and the filter?").locator(".reasons")).to_be_visible()
    # Only those of the newest are open.
    expect(tab.locator("details[open]")).to_have_count(1)


# ------------------------------------------------------------------------------------- Keyboard alone


def test_ask_stop_and_vote_by_keyboard(tab: Page, fake: Fake) -> None:
    keys = tab.keyboard
    expect(tab.get_by_label("Your question")).to_be_focused()
    keys.type("held: the oil")
    keys.press("Shift+Enter")
    keys.type("and the filter")
    keys.press("Enter")
    card = tab.locator(".card")
    expect(card.locator(".answer")).to_have_text(ANSWER[:27])
    keys.press("Tab")
    expect(tab.get_by_role("button", name="Stop")).to_be_focused()
    keys.press("Enter")
    expect(card.locator(".state")).to_have_text("Stopped.")
    expect(tab.get_by_label("Your question")).to_be_focused()
    assert fake.gone.wait(60)
    keys.press("Shift+Tab")
    while not tab.evaluate("document.activeElement.getAttribute('aria-label') === 'Good answer'"):
        keys.press("Shift+Tab")
        assert tab.evaluate("document.activeElement !== document.body")
    keys.press("Space")
    expect(card.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    expect(card.get_by_role("button", name="Good answer")).to_be_focused()
    assert fake.votes == [{"request_id": "request-1", "vote": "up", **DECIDED}]
    # What was written before the stop is part of the conversation.
    fake.released.set()
    ask(tab, "and how often?")
    assert fake.asked[1]["messages"] == messages(
        ("user", "held: the oil\nand the filter"), ("assistant", ANSWER[:27]), ("user", "and how often?")
    )


def test_everything_is_reached_by_tab_and_shows_its_focus(tab: Page) -> None:
    ask(tab, "one of many")
    tab.locator(".skip").focus()
    wanted = [
        *("Skip to the question", "Ask", "Status", "API", "model", "other", "route-only", "new"),
        *("Good answer", "Bad answer", "Why this choice", "140 more", "question", "send"),
    ]
    reached = []
    while "send" not in reached:
        assert len(reached) < 40
        name, outline = tab.evaluate(
            """() => {
                const it = document.activeElement;
                const name = it.id || it.getAttribute("aria-label") || it.textContent.trim();
                return [name, getComputedStyle(it).outlineStyle];
            }"""
        )
        assert outline == "solid", name
        reached.append(name)
        tab.keyboard.press("Tab")
    assert reached == wanted


def test_enter_sends_nothing_twice_and_nothing_empty(tab: Page, fake: Fake) -> None:
    write(tab, "   ")
    write(tab, "held")
    expect(tab.locator(".answer")).to_have_text(ANSWER[:27])
    write(tab, "another one")
    expect(tab.get_by_label("Your question")).to_have_value("another one")
    fake.released.set()
    expect(tab.locator(".answer")).to_have_text(ANSWER)
    assert len(fake.asked) == 1


def test_motion_only_for_those_who_want_it(tab: Page) -> None:
    write(tab, "held")
    moving = "getComputedStyle(document.querySelector('.waiting'), '::before').animationName"
    expect(tab.locator(".waiting")).to_be_visible()
    assert tab.evaluate(moving) == "breathe"
    tab.emulate_media(reduced_motion="reduce")
    assert tab.evaluate(moving) == "none"


# ---------------------------------------------------------------------------------------------- Errors


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("busy", "The server takes no more from you at the moment. Try again in 7 seconds."),
        ("full", "The server is busy or still starting. Try again in 1 second."),
        ("too long", "The server refused this. The question has 20001 characters, at most 20000 are taken."),
        ("proxy", "Nothing answers behind this address. Try again in a moment."),
        ("broken", "The server could not do this (status 500). The server failed; it is in its log."),
        ("fails", "The expert failed. The endpoint has gone."),
        ("dropped", "The connection ended in the middle of the answer."),
    ],
)
def test_errors_in_plain_words(tab: Page, question: str, text: str) -> None:
    card = ask(tab, question)
    expect(card.locator(".state.problem")).to_have_text(text)
    expect(tab.locator("#announcer")).to_contain_text(text)
    expect(card.get_by_role("button", name="Try again")).to_be_visible()
    if question != "proxy":
        expect(card.locator(".after code")).to_have_text("request-1")


def test_try_again_asks_the_same_and_forgets_the_failure(tab: Page, fake: Fake) -> None:
    fake.busy_times = 1
    ask(tab, "How do I change the oil?")
    card = ask(tab, "busy: and how often?")
    expect(card.locator(".state")).to_contain_text("Try again in 7 seconds.")
    card.get_by_role("button", name="Try again").click()
    expect(card.locator(".answer")).to_have_text(ANSWER)
    expect(card.locator(".state")).to_be_hidden()
    assert fake.asked[2] == fake.asked[1]


def test_a_question_that_failed_is_no_part_of_the_conversation(tab: Page, fake: Fake) -> None:
    ask(tab, "busy")
    ask(tab, "How do I change the oil?")
    assert fake.asked[1]["messages"] == messages(("user", "How do I change the oil?"))


def test_a_long_conversation_can_be_left(tab: Page) -> None:
    ask(tab, "How do I change the oil?")
    expect(ask(tab, "too long").locator(".state")).to_contain_text("A new conversation may help.")


def test_a_later_question_is_scrolled_up(tab: Page) -> None:
    for text in ("one of many", "How do I change the oil?"):
        ask(tab, text)
    expect(tab.locator(".question").last).to_be_in_viewport()
    box = tab.locator(".question").last.bounding_box()
    assert box
    assert 0 <= box["y"] < DESKTOP["height"] * 0.4


def test_the_network_is_gone(tab: Page, context: BrowserContext) -> None:
    context.set_offline(True)
    card = ask(tab, "How do I change the oil?")
    expect(card.locator(".state")).to_have_text(
        "The server cannot be reached. Is it running? Check your connection, then try again."
    )
    context.set_offline(False)
    card.get_by_role("button", name="Try again").click()
    expect(card.locator(".answer")).to_have_text(ANSWER)


def test_a_vote_that_is_not_kept_says_so(tab: Page, fake: Fake) -> None:
    card = ask(tab, "How do I change the oil?")
    fake.votes_kept = False
    card.get_by_role("button", name="Good answer").click()
    expect(card.get_by_role("status")).to_have_text(
        "Not kept. The server is busy or still starting. Try again in 60 seconds."
    )
    expect(card.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "false")
    fake.votes_kept, fake.votes_wanted = True, False
    card.get_by_role("button", name="Good answer").click()
    expect(card.get_by_role("status")).to_have_text("Not kept. This server keeps no opinions.")
    fake.votes_wanted = True
    card.get_by_role("button", name="Bad answer").click()
    expect(card.get_by_role("status")).to_have_text("Kept, thank you.")
    expect(card.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")


# --------------------------------------------------------------------------------------------- API key


def test_a_key_is_asked_for_kept_in_the_tab_and_forgotten(
    context: BrowserContext, fake: Fake, address: str
) -> None:
    fake.key = "s3cret"
    page = context.new_page()
    page.goto(address)
    form = page.get_by_role("form", name="API key")
    expect(form).to_contain_text("This server asks for an API key.")
    expect(page.locator("#key")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(form).to_contain_text("The server does not accept this API key.")
    page.locator("#key").fill("s3cret")
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("#known")).to_have_text("Experts here: car, sleep.")
    expect(form).to_be_hidden()
    card = ask(page, "How do I change the oil?")
    card.get_by_role("button", name="Good answer").click()
    expect(card.get_by_role("status")).to_have_text("Kept, thank you.")
    assert fake.keys == [None, "Bearer wrong", *["Bearer s3cret"] * 3]
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 1, ""]
    assert "s3cret" not in page.content()
    page.goto(f"{address}/status")
    expect(page.get_by_role("heading", name="Router knn")).to_be_visible()
    page.get_by_role("button", name="Forget API key").click()
    expect(page.get_by_role("form", name="API key")).to_contain_text("This server asks for an API key.")
    assert page.evaluate("sessionStorage.length") == 0


def test_a_key_that_is_asked_for_in_the_middle(tab: Page, fake: Fake) -> None:
    fake.key = "s3cret"
    card = ask(tab, "How do I change the oil?")
    expect(card.locator(".state")).to_have_text("This server asks for an API key.")
    tab.locator("#key").fill("s3cret")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("form", name="API key")).to_be_hidden()
    card.get_by_role("button", name="Try again").click()
    expect(card.locator(".answer")).to_have_text(ANSWER)


# ------------------------------------------------------------------------------- Text that is no text


def test_markup_is_shown_as_text(tab: Page) -> None:
    before = tab.locator("img, script").count()
    card = ask(tab, f"attack {ATTACK}")
    expect(tab.locator(".question")).to_have_text(f"attack {ATTACK}")
    expect(card.locator(".answer")).to_have_text(ATTACK)
    expect(card.locator(".chosen strong")).to_have_text(ATTACK)
    expect(card.locator(".scores th[scope=row]").first).to_have_text(ATTACK)
    expect(card.locator(".near-question").first).to_have_text(ATTACK)
    assert tab.locator("img, script").count() == before
    assert tab.evaluate("window.attacked") is None


def test_markup_that_a_mistake_let_in_would_be_refused(browser: Browser, fake: Fake, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    refused = page.evaluate(
        """() => {
            try {
                document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.attacked=1'>");
            } catch (error) {
                return error.name;
            }
        }"""
    )
    assert refused == "TypeError"
    page.close()


# -------------------------------------------------------------------------------------- Looks and axe


def state_empty(page: Page) -> None:
    pass


def state_answered(page: Page) -> None:
    ask(page, "How do I change the oil of a small diesel van that stood in the garage all winter?")
    page.get_by_role("button", name="Good answer").click()
    expect(page.get_by_role("status")).to_have_text("Kept, thank you.")
    ask(page, "one of many fallback questions that was cut")


def state_writing(page: Page) -> None:
    write(page, "held: how do I change the oil?")
    expect(page.locator(".answer")).to_have_text(ANSWER[:27])


def state_error(page: Page) -> None:
    ask(page, "busy")
    ask(page, "abstain, please")


def state_compared(page: Page) -> None:
    page.get_by_label("Compare with").select_option("best")
    ask(page, "How do I sleep when the baby cries?")


def state_long(page: Page) -> None:
    ask(page, f"code, please: {LONG_WORD}")


def state_attack(page: Page) -> None:
    ask(page, f"attack {ATTACK}")


STATES: dict[str, Callable[[Page], None]] = {
    name.removeprefix("state_"): made for name, made in list(globals().items()) if name.startswith("state_")
}


def picture(page: Page, size: ViewportSize, path: Path) -> None:
    """A picture of all that one can scroll to; what stays at the bottom of the screen is at its end."""
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": max(height, size["height"])})
    page.screenshot(path=path)
    page.set_viewport_size(size)


def looked_at(page: Page, name: str) -> None:
    """Check a state in light and dark, on a phone and a desktop; keep a picture of each if wanted."""
    page.evaluate(Path(AXE_FILE_PATH).read_text(encoding="utf-8"))
    for width, size in (("desktop", DESKTOP), ("phone", PHONE)):
        for scheme in ("light", "dark"):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme)
            if folder := os.environ.get("ROUTER_DERBY_SHOTS"):
                picture(page, size, Path(folder) / f"{name}_{width}_{scheme}.png")
            # The schemes differ in colours alone.
            rules = "runOnly: ['color-contrast', 'link-in-text-block']," if scheme == "dark" else ""
            found: dict[str, Any] = page.evaluate(
                f"axe.run({{ {rules} resultTypes: ['violations'], selectors: false }})"
            )
            violations = [
                (violation["id"], node["html"], node["failureSummary"])
                for violation in found["violations"]
                for node in violation["nodes"]
            ]
            assert violations == [], f"{name}, {width}, {scheme}"
            assert len(found["passes"]) > (0 if rules else 10)
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], name


@pytest.mark.parametrize("name", STATES)
def test_no_state_of_the_page_to_ask_violates_axe(tab: Page, fake: Fake, name: str) -> None:
    STATES[name](tab)
    looked_at(tab, name)
    fake.released.set()


def test_the_key_form_does_not_violate_axe(context: BrowserContext, fake: Fake, address: str) -> None:
    fake.key = "s3cret"
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_role("form", name="API key")).to_be_visible()
    looked_at(page, "key")


def test_the_page_of_numbers_does_not_violate_axe(numbers: Page, fake: Fake) -> None:
    requests = 12345
    for more in (40, 55, 30, 90, 120, 80, 60, 75):
        requests += more
        fake.status = fake_app.status(requests=requests)
        numbers.clock.run_for(2000)
        expect(tile(numbers, "Requests")).to_have_text(f"{requests:,}")
    looked_at(numbers, "status")


def test_the_violations_of_a_bad_page_are_seen(tab: Page) -> None:
    tab.evaluate("document.querySelector('label[for=model]').remove()")
    with pytest.raises(AssertionError, match="select-name"):
        looked_at(tab, "bad")


def test_what_the_keyboard_reaches_is_not_under_the_form(tab: Page) -> None:
    ask(tab, "one of many")
    tab.set_viewport_size(PHONE)
    tab.get_by_text("Why this choice").focus()
    more = tab.get_by_role("button", name="140 more")
    tab.keyboard.press("Tab")
    expect(more).to_be_focused()
    box, form = more.bounding_box(), tab.locator("#composer").bounding_box()
    assert box
    assert form
    assert box["y"] + box["height"] <= form["y"]


# --------------------------------------------------------------------------------------------- Numbers


def rows(page: Page, caption: str, place: int = 0) -> Locator:
    return page.get_by_role("table", name=caption).nth(place).locator("tbody tr")


def tile(page: Page, name: str, place: int = 0) -> Locator:
    return page.locator(".tiles div").filter(has_text=name).nth(place).locator("dd")


def test_numbers_of_the_server_and_of_every_router(numbers: Page) -> None:
    expect(tile(numbers, "Running for")).to_have_text("1 h 6 min")
    expect(tile(numbers, "Requests")).to_have_text("12,345")
    expect(tile(numbers, "Refused or failed")).to_have_text("57")
    expect(tile(numbers, "Answers from the cache")).to_have_text("25.0 %")
    expect(tile(numbers, "Waiting")).to_have_text("1")
    expect(tile(numbers, "Workers")).to_have_text("2")
    expect(rows(numbers, "Errors by reason")).to_have_text(["unauthorized40", "busy17"])
    expect(rows(numbers, "Response cache")).to_have_text(
        ["same question20020.0 %", "similar question505.0 %", "not there75075.0 %"]
    )
    expect(numbers.locator(".facts").first).to_have_text(
        f"Folder2026-11-29_00-12-01_knnChecksumc0ffeec0ffeec0ffRecord{'beef' * 4}"
    )
    expect(tile(numbers, "Fallback used")).to_have_text("8.0 %")
    expect(rows(numbers, "Time")).to_have_text(
        [
            "routing4.02 ms6.30 ms11.8 ms",
            "answers1,830 ms4,100 ms7,251 ms",
            "confidence0.810.930.97",
        ]
    )
    expect(rows(numbers, "Drift against the record’s test questions")).to_have_text(
        ["confidence0.04as in the test", "domains0.31shifted: look at what is asked"]
    )
    expect(rows(numbers, "Domains")).to_have_text(
        ["car62.0 %50.0 %", "sleep30.0 %50.0 %", "none (abstained)8.0 %0.0 %"]
    )


def test_a_router_that_was_not_asked_yet(numbers: Page) -> None:
    best = numbers.get_by_role("region", name="Router best")
    expect(best).to_contain_text("Recordnone")
    expect(best).to_contain_text("Nothing was asked yet.")
    expect(best).to_contain_text("The record is not there to compare with.")
    expect(best).to_contain_text("140 more with smaller shares.")
    expect(best.get_by_role("table", name="Domains").locator("tbody tr")).to_have_count(10)


def test_numbers_follow_the_server(numbers: Page, fake: Fake) -> None:
    one = replace(fake.status.routers[0], name="other", votes_up=32)
    fake.status = replace(fake.status, routers=[one])
    numbers.clock.run_for(2000)
    expect(numbers.get_by_role("heading", level=2)).to_have_text(["Server", "Router other"])
    expect(tile(numbers, "Thumbs up")).to_have_text("32")


def test_a_rate_is_that_of_the_time_between_two_looks(numbers: Page, fake: Fake) -> None:
    rate = tile(numbers, "Requests a second")
    fake.status = fake_app.status(requests=12346)
    numbers.clock.pause_at(10_000_000)
    expect(tile(numbers, "Requests")).to_have_text("12,346")
    for requests, told in ((13346, "500"), (13347, "0.5"), (13347, "0.0")):
        fake.status = fake_app.status(requests=requests)
        numbers.clock.run_for(2000)
        expect(rate).to_have_text(told)
    picture = numbers.get_by_role("img")
    expect(picture).to_have_accessible_name(
        "Requests a second in the last two minutes: now 0.0, at most 500."
    )
    # A server that was started again counts from zero.
    fake.status = fake_app.status(uptime=1, requests=10)
    numbers.clock.run_for(2000)
    expect(tile(numbers, "Running for")).to_have_text("1 s")
    expect(rate).to_have_text("–")


def test_a_pause_and_a_hidden_page_ask_nothing(numbers: Page) -> None:
    numbers.evaluate(
        """() => {
            window.looks = 0;
            const before = window.fetch;
            window.fetch = (...all) => { window.looks += 1; return before(...all); };
        }"""
    )
    looks = "window.looks"
    numbers.get_by_role("button", name="Pause").click()
    expect(numbers.locator("#fresh")).to_have_text("Paused")
    paused = numbers.evaluate(looks)
    numbers.clock.run_for(20_000)
    assert numbers.evaluate(looks) == paused
    numbers.get_by_role("button", name="Pause").click()
    expect(numbers.locator("#fresh")).to_contain_text("every two seconds")
    assert numbers.evaluate(looks) > paused
    numbers.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    hidden = numbers.evaluate(looks)
    numbers.clock.run_for(20_000)
    assert numbers.evaluate(looks) == hidden
    numbers.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    numbers.wait_for_function(f"{looks} > {hidden}")


def test_a_server_that_is_away_and_comes_back(numbers: Page, context: BrowserContext) -> None:
    problem = numbers.locator("#problem")
    context.set_offline(True)
    expect(problem).to_have_text(
        "The server cannot be reached. Is it running? Check your connection, then try again."
    )
    expect(numbers.get_by_role("heading", name="Router knn")).to_be_visible()
    context.set_offline(False)
    expect(problem).to_be_hidden()
    expect(numbers.locator("#announcer p")).to_have_text(
        [
            "The server cannot be reached. Is it running? Check your connection, then try again.",
            "The server answers again.",
        ]
    )


def test_names_on_the_page_of_numbers_are_text(numbers: Page, fake: Fake) -> None:
    one = replace(fake.status.routers[0], name=ATTACK, folder=ATTACK)
    fake.status = replace(fake.status, routers=[one], errors={ATTACK: 1})
    expect(numbers.get_by_role("heading", level=2)).to_have_text(["Server", f"Router {ATTACK}"])
    expect(rows(numbers, "Errors by reason")).to_have_text([f"{ATTACK}1"])
    assert numbers.evaluate("window.attacked") is None


# ------------------------------------------------------------------------------------------- Endpoints


@pytest.fixture(scope="module")
def described() -> Iterator[str]:
    """A server that has every endpoint, and no router behind them."""
    app = FastAPI(docs_url=None)
    for router in ROUTERS:
        app.include_router(router)
    with fake_app.running(app) as address:
        yield address


def test_endpoints_are_described(browser: Browser, described: str) -> None:
    tab = browser.new_page(viewport=DESKTOP)
    tab.goto(f"{described}/docs")
    chat = tab.locator("details").filter(has_text="POST /v1/chat/completions")
    chat.locator("summary").press("Enter")
    answers = chat.get_by_role("table", name="Answers")
    expect(answers.get_by_role("row", name=re.compile("^400"))).to_contain_text("OpenAIError")
    chat.get_by_role("link", name="ChatRequest").click()
    expect(tab.locator("#body-ChatRequest")).to_be_in_viewport()
    fields = tab.locator("#body-ChatRequest").get_by_role("table", name="Fields")
    expect(fields.get_by_role("row", name=re.compile("^route_only"))).to_have_text("route_onlybooleanfalse")
    expect(fields.get_by_role("row", name=re.compile("^messages"))).to_have_text(
        "messageslist of Messagerequired"
    )
    looked_at(tab, "docs")
    tab.close()


# ------------------------------------------------------------------------------------- The real server


@pytest.fixture(scope="module")
def votes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feedback") / "votes.jsonl"


@pytest.fixture(scope="module")
def real(tfidf_run: Path, knn_run: Path, votes: Path) -> Iterator[str]:
    """A server of two kept routers, and experts that say what they were asked."""
    state = State(Serve(feedback=str(votes)), {"knn": knn_run, "tfidf": tfidf_run}, Keys.read(None, {}))
    app = create_app(state)

    async def loaded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await state.load()
        await app(scope, receive, send)

    with fake_app.running(loaded) as address:
        yield address


def test_the_pages_in_front_of_the_real_server(browser: Browser, real: str, votes: Path) -> None:
    tab = browser.new_page(viewport=DESKTOP)
    # Chromium's own word for it; seen where the test fails.
    tab.on("requestfailed", lambda request: print("failed:", request.url, request.failure))
    tab.goto(real)
    expect(tab.locator("#known")).to_have_text("Experts here: car, sleep.")
    tab.get_by_label("Compare with").select_option("tfidf")
    ask(tab, "How often should I change the engine oil of my car?")
    cards = tab.locator(".card")
    expect(cards.locator("h3")).to_have_text(["knn", "tfidf"])
    expect(cards.locator(".chosen strong")).to_have_text(["car", "car"])
    said = "car 0: How often should I change the engine oil of my car?"
    expect(cards.locator(".answer")).to_have_text([said, said])
    near = cards.nth(0).locator(".near li")
    expect(near).to_have_count(5)
    expect(near.first).to_contain_text("How often should I change the engine oil?car · similarity 0.")
    expect(cards.nth(1).locator(".near")).to_have_count(0)
    ask(tab, "and why?")
    expect(cards.nth(2).locator(".answer")).to_have_text("car 2: and why?")
    cards.nth(2).get_by_role("button", name="Good answer").click()
    expect(cards.nth(2).get_by_role("status")).to_have_text("Kept, thank you.")
    kept = json.loads(votes.read_text(encoding="utf-8"))
    assert (kept["vote"], kept["router"], kept["domain"]) == ("up", "knn", "car")
    tab.get_by_label("Compare with").select_option("")
    for question in ("breaks", "fails"):
        expect(ask(tab, question).locator(".state")).to_have_text(
            "The expert failed. The expert gave no answer; the server's log says why."
        )
    write(tab, "endless")
    expect(cards.last.locator(".answer")).to_contain_text("on on")
    tab.get_by_role("button", name="Stop").click()
    expect(cards.last.locator(".state")).to_have_text("Stopped.")
    assert parrot.abandoned.wait(60)
    tab.get_by_role("button", name="New conversation").click()
    tab.get_by_label("Routing only").check()
    expect(ask(tab, "Is snoring bad for my sleep?").locator(".chosen strong")).to_have_text("sleep")
    tab.goto(f"{real}/status")
    expect(tile(tab, "Decisions")).to_have_text("6")
    expect(tile(tab, "Thumbs up")).to_have_text("1")
    expect(rows(tab, "Time").first).to_have_text(re.compile("^routing.* ms"))
    tab.close()
