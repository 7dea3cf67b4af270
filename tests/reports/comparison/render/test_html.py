"""The page as a parser reads it: whole, labelled, on its own, nothing of the user's taken for markup."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from reports.comparison.model import Choice, Question, Report, state
from reports.comparison.render.html import to_html
from reports.comparison.sentences import Code
from reports.reasons import Reason
from reports.record import Unscored
from reports.table import Cell, Column, Row, Table
from tests.reports.comparison.html_samples import (
    GAPS,
    HOSTILE,
    bare_report,
    questions,
    rich_report,
)
from tests.reports.comparison.samples import SHA

VOID = {"meta", "link", "input", "br", "img", "path", "use"}
LOADS = ("src", "href", "action", "data", "poster", "srcset", "xlink:href", "formaction")


@dataclass
class Node:
    """An element and what is in it, in order."""

    tag: str
    attributes: dict[str, str | None]
    parent: "Node | None" = None
    children: list["Node | str"] = field(default_factory=list)

    def all(self, *tags: str) -> list["Node"]:
        found = []
        for child in self.children:
            if isinstance(child, Node):
                found += [child] if not tags or child.tag in tags else []
                found += child.all(*tags)
        return found

    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)

    def classes(self) -> set[str]:
        return set((self.attributes.get("class") or "").split())


class Tree(HTMLParser):
    """Builds nodes and insists that every element is closed where it was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.root = self.at = Node("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"twice the same attribute in {attrs}"
        node = Node(tag, dict(attrs), self.at)
        self.at.children.append(node)
        if tag not in VOID or self.get_starttag_text().endswith("/>"):  # type: ignore[union-attr]
            self.at = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at.children.append(Node(tag, dict(attrs), self.at))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.at.tag, f"</{tag}> closes <{self.at.tag}>"
        assert self.at.parent is not None
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)


def parsed(page: str) -> Node:
    tree = Tree()
    tree.feed(page)
    tree.close()
    assert tree.at is tree.root, f"<{tree.at.tag}> is never closed"
    return tree.root


def with_class(root: Node, name: str) -> list[Node]:
    return [node for node in root.all() if name in node.classes()]


def by_id(root: Node, name: str) -> Node:
    (found,) = [node for node in root.all() if node.attributes.get("id") == name]
    return found


def row_of(table: Node, name: str) -> list[str]:
    """The cells of the row of that name, its head left out."""
    for row in table.all("tr"):
        heads = row.all("th")
        if heads and heads[0].text().split()[0] == name and heads[0].attributes.get("scope") == "row":
            return [" ".join(cell.text().split()) for cell in row.all("td")]
    raise AssertionError(f"no row {name}")


@pytest.fixture(scope="module")
def page() -> str:
    return to_html(rich_report())


@pytest.fixture(scope="module")
def root(page: str) -> Node:
    return parsed(page)


REPORTS = pytest.mark.parametrize("report", [rich_report(30), bare_report()], ids=["rich", "bare"])


@REPORTS
def test_ids_are_unique_and_every_link_leads_somewhere(report: Report) -> None:
    root = parsed(to_html(report))
    ids = Counter(node.attributes["id"] for node in root.all() if "id" in node.attributes)
    assert ids
    assert max(ids.values()) == 1
    targets = {
        value[1:]
        for node in root.all()
        for name in ("href", "xlink:href")
        if (value := node.attributes.get(name)) and value.startswith("#")
    }
    assert "main" in targets
    named = {
        name
        for node in root.all()
        for attribute in ("aria-labelledby", "for")
        for name in (node.attributes.get(attribute) or "").split()
    }
    assert targets | named <= set(ids)


@REPORTS
def test_headings_go_down_one_step_at_a_time(report: Report) -> None:
    levels = [int(node.tag[1]) for node in parsed(to_html(report)).all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_landmarks(root: Node) -> None:
    for tag in ("header", "nav", "main", "footer"):
        assert len(root.all(tag)) == 1
    (body,) = root.all("body")
    first = next(child for child in body.children if isinstance(child, Node))
    assert first.attributes == {"class": "skip", "href": "#main"}
    assert root.all("html")[0].attributes["lang"] == "en"


def test_wide_tables_scroll_within_a_named_region_that_takes_the_focus(root: Node) -> None:
    boxes = with_class(root, "scroll")
    report = rich_report(0)
    assert len(boxes) == 1 + len(report.tables) + len(report.method)
    names = [box.attributes["aria-label"] for box in boxes]
    assert len(set(names)) == len(names)
    for box in boxes:
        assert (box.attributes["role"], box.attributes["tabindex"]) == ("region", "0")
        assert len(box.all("table")) == 1


def test_every_picture_has_its_words(root: Node) -> None:
    report = rich_report()
    pictures = root.all("svg")
    assert [picture.attributes["aria-label"] for picture in pictures] == [one.alt for one in report.figures]
    assert {picture.attributes["role"] for picture in pictures} == {"img"}
    assert {picture.attributes["focusable"] for picture in pictures} == {"false"}
    assert [one.text() for one in root.all("figcaption")] == [one.caption for one in report.figures]


def test_every_field_has_a_label(root: Node) -> None:
    labelled = {label.attributes["for"] for label in root.all("label")}
    assert {node.attributes["id"] for node in root.all("input", "select")} == labelled
    assert by_id(root, "count").attributes["aria-live"] == "polite"
    # Without the script there is nothing that would not work.
    assert "hidden" in by_id(root, "filters").attributes
    assert "hidden" in by_id(root, "more").attributes


@REPORTS
def test_nothing_is_loaded_and_nothing_runs_but_our_script(report: Report) -> None:
    page = to_html(report)
    root = parsed(page)
    for node in root.all():
        for name, value in node.attributes.items():
            assert not name.startswith("on"), f"<{node.tag} {name}>"
            if name in LOADS:
                assert (value or "").startswith(("#", "data:,")), f"<{node.tag} {name}={value}>"
            assert "url(" not in (value or "")
    assert not root.all("img", "iframe", "object", "embed", "base")
    assert [node.attributes for node in root.all("script")] == [{}]
    (style,) = root.all("style")
    assert not re.search(r"url\(|@import|@font-face|https?:", style.text())
    assert "http" not in root.all("script")[0].text()
    (policy,) = [node for node in root.all("meta") if "http-equiv" in node.attributes]
    assert policy.attributes["content"] == (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    )


def hostile_report() -> Report:
    """Every text that somebody else writes is an attack."""
    report = rich_report(5)
    column = Column("a", HOSTILE, HOSTILE, HOSTILE)
    why = Unscored(HOSTILE, HOSTILE)
    cells = [Cell(missing=why), Cell(1.0, best=True), Cell(HOSTILE)]
    table = Table("b", HOSTILE, [column] * 3, [Row(HOSTILE, cells, note=HOSTILE)], HOSTILE, [HOSTILE])
    said = state(Code.LEAKAGE_UNCHECKED, routers=[HOSTILE])
    chosen = replace(
        report.recommendation,
        router=HOSTILE,
        headline=state(Code.TAKE, router=HOSTILE),
        reasons=[said] * 4,
        caveats=[said],
    )
    choice = Choice(HOSTILE, HOSTILE, False, 0.5, 0.5, HOSTILE, HOSTILE)
    question = Question(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, [choice])
    return replace(
        report,
        dataset=HOSTILE,
        facts=[said],
        notices=[said],
        recommendation=chosen,
        comparison=table,
        tables=[table],
        figures=[replace(one, title=HOSTILE, caption=HOSTILE, alt=HOSTILE) for one in report.figures],
        questions=[question, *report.questions],
        method=[table],
        skipped=[replace(one, reason=state(Code.SAME_RESULT, first=HOSTILE)) for one in report.skipped],
    )


def test_hostile_text_stays_text() -> None:
    page = to_html(hostile_report())
    root = parsed(page)
    assert len(root.all("script")) == 1
    assert not root.all("img")
    assert "<script>alert" not in page
    assert "{{ 7 }}" in by_id(root, "comparison").text()
    assert by_id(root, "comparison").text() == HOSTILE


def test_first_the_recommendation_then_the_tables_then_the_rest(root: Node) -> None:
    order = [node.attributes.get("id") for node in root.all("h2")]
    assert order == [
        "notices",
        "recommendation",
        "comparison",
        "families",
        "figures",
        "tables",
        "questions",
        "method",
        "skipped",
    ]
    links = [link.attributes["href"] for link in root.all("nav")[0].all("a")]
    assert links == [f"#{part}" for part in order[2:]]
    assert with_class(root, "sentence")[0].text() == rich_report().recommendation.headline.message


def test_figures_and_intervals_of_the_first_table(root: Node) -> None:
    table = with_class(root, "scroll")[0].all("table")[0]
    assert row_of(table, "knn")[:3] == ["83.3 [78.3, 87.3]", "10.0", "240"]
    assert row_of(table, "centroid")[1] == "✓ best 7.00"
    picked = [row.all("th")[0].text() for row in table.all("tr") if "pick" in row.classes()]
    assert picked == ["knn recommended"]
    heads = [" ".join(head.text().split()) for head in table.all("thead")[0].all("th")]
    assert heads[:4] == ["Router", "accuracy %", "p50 ms", "memory MB"]
    assert [kind.text() for kind in with_class(table, "kind")] == ["baseline"]


def test_a_gap_has_a_number_that_leads_to_its_reason() -> None:
    root = parsed(to_html(replace(rich_report(0), comparison=GAPS)))
    table = with_class(root, "scroll")[0].all("table")[0]
    assert [link.attributes["href"] for link in table.all("a")] == ["#table-0-1"] * 2
    assert by_id(root, "table-0-1").text() == Unscored("cuda_peak", Reason.NO_CUDA_DEVICE).sentence


def test_checksums_are_short_and_whole(root: Node) -> None:
    shown = [[code.text() for code in one.all("code")] for one in with_class(root, "hash")]
    for whole in (SHA["minilm"], "0123456789" * 4):
        assert [f"{whole[:12]}…", whole] in shown


def test_ink_becomes_the_colour_of_the_page(root: Node, page: str) -> None:
    (style,) = root.all("style")
    drawn = page.replace(style.text(), "")
    assert "#1f2328" not in drawn.lower()
    assert "currentColor" in drawn
    assert "#0b7285" in drawn


def test_a_question_says_who_was_right(root: Node) -> None:
    asked = questions(300)
    items = [node for node in by_id(root, "list").children if isinstance(node, Node)]
    assert len(items) == len(asked)
    for item, question in zip(items, asked, strict=True):
        text = item.text()
        assert question.query in text
        assert question.id in text
        table = item.all("table")[0]
        for choice in question.choices:
            cells = row_of(table, choice.router)
            marks = {True: "✓ {}, right", False: "✗ {}, wrong", None: "{}"}
            assert cells[0] == marks[choice.right].format(choice.predicted)
            assert cells[1:] == [f"{100 * choice.probability:.0f} %", f"{choice.confidence:.2f}"]


def test_what_the_script_filters_by(root: Node) -> None:
    items = [node.attributes for node in by_id(root, "list").children if isinstance(node, Node)]
    options = {
        name: [option.text() for option in by_id(root, name).all("option")]
        for name in ("show", "domain", "slice")
    }
    routers = [choice.router for choice in questions(1)[0].choices]
    assert options["show"] == [
        "all",
        "routers disagree",
        "every router wrong",
        *[f"wrong: {router}" for router in routers],
    ]
    assert options["domain"] == ["any", "car", "sleep", "out of scope"]
    assert options["slice"] == ["any", "out of scope", "overlap", "standard"]
    for item, question in zip(items, questions(300), strict=True):
        wrong = [str(place) for place, choice in enumerate(question.choices) if choice.right is False]
        assert item["data-w"] == " ".join(wrong)
        assert options["domain"][int(item["data-d"] or "") + 1] == (question.label or "out of scope")
        assert options["slice"][int(item["data-s"] or "") + 1] == question.slice.replace("_", " ")
        disagree = len({choice.predicted for choice in question.choices}) > 1
        assert ("data-x" in item) == disagree


def test_an_answer_stands_once_with_all_who_asked_for_it() -> None:
    (question,) = questions(1)
    choices = [
        replace(choice, expert=domain, answer=f"the answer of {domain}")
        for choice, domain in zip(
            question.choices, ["car", "sleep", "car", "car", "sleep", "car"], strict=True
        )
    ]
    report = replace(rich_report(0), questions=[replace(question, choices=choices)])
    page = to_html(report)
    assert page.count("the answer of car") == 1
    terms = [term.text() for term in by_id(parsed(page), "list").all("dt")]
    assert terms == [
        "Reference",
        "car, asked by knn, tinyllama, cascade_tfidf_then_tinyllama_1.1b_chat_lora_r8, random",
        "sleep, asked by centroid, majority",
    ]


def test_parts_that_are_missing_are_not_announced() -> None:
    root = parsed(to_html(bare_report()))
    assert [link.text() for link in root.all("nav")[0].all("a")] == ["Comparison"]
    assert [node.attributes["id"] for node in root.all("h2")] == ["recommendation", "comparison"]
    assert not root.all("figure", "form", "details")


def test_every_table_has_a_caption_and_scopes(root: Node) -> None:
    tables = root.all("table")
    assert len(tables) > len(questions(300))
    for table in tables:
        assert table.all("caption")[0].text().strip()
        assert all(head.attributes["scope"] in ("row", "col") for head in table.all("th"))
        widths = {len(row.all("th", "td")) for row in table.all("tr")}
        assert len(widths) == 1
