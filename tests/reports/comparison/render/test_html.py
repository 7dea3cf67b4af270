"""The page as a parser reads it: whole, labelled, on its own, nothing of the user's taken for markup."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from reports.comparison.model import Cell, Choice, Column, Question, Report, Row, Table
from reports.comparison.render.html import to_html
from tests.reports.comparison.html_samples import (
    HOSTILE,
    NO_EXPERTS,
    NOT_MEASURED,
    bare_report,
    comparison,
    questions,
    rich_report,
    sha256,
)

VOID = {"meta", "link", "input", "br", "img", "path", "use"}
LOADS = ("src", "href", "action", "data", "poster", "srcset", "xlink:href", "formaction")
MEGABYTE = 1_000_000


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


def test_every_table_has_a_caption_and_scopes(root: Node) -> None:
    tables = root.all("table")
    assert len(tables) > len(questions(300))
    for table in tables:
        assert table.all("caption")[0].text().strip()
        assert all(head.attributes["scope"] in ("row", "col") for head in table.all("th"))
        widths = {len(row.all("th", "td")) for row in table.all("tr")}
        assert len(widths) == 1


def test_wide_tables_scroll_within_a_named_region_that_takes_the_focus(root: Node) -> None:
    boxes = with_class(root, "scroll")
    assert len(boxes) == 6
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


def test_the_only_address_is_in_a_question(page: str) -> None:
    assert re.findall(r"https?://[^\"&\s]*", page) == ["https://evil.example/x.png"]


def hostile_report() -> Report:
    """Every text that somebody else writes is an attack."""
    report = rich_report(5)
    column = Column("a", HOSTILE, HOSTILE, HOSTILE)
    cells = [Cell(HOSTILE, why=HOSTILE), Cell(HOSTILE, 1.0, best=True)]
    table = Table("b", HOSTILE, [column, column], [Row(HOSTILE, cells, note=HOSTILE)], HOSTILE)
    verdict = replace(
        report.verdict, router=HOSTILE, sentence=HOSTILE, evidence=[HOSTILE] * 4, doubts=[HOSTILE]
    )
    choice = Choice(HOSTILE, HOSTILE, False, 0.5, 0.5, HOSTILE, HOSTILE)
    question = Question(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, [choice])
    return replace(
        report,
        dataset=HOSTILE,
        facts=[HOSTILE],
        notices=[HOSTILE],
        verdict=verdict,
        comparison=table,
        tables=[table],
        figures=[replace(one, title=HOSTILE, caption=HOSTILE, alt=HOSTILE) for one in report.figures],
        questions=[question, *report.questions],
        method=[table],
        skipped=[replace(one, reason=HOSTILE) for one in report.skipped],
    )


def test_hostile_text_stays_text() -> None:
    page = to_html(hostile_report())
    root = parsed(page)
    assert len(root.all("script")) == 1
    assert not root.all("img")
    assert "<script>alert" not in page
    assert "{{ 7 }}" in by_id(root, "comparison").text()
    assert by_id(root, "comparison").text() == HOSTILE
    assert root.all("svg")[0].attributes["aria-label"] == HOSTILE


def test_the_same_report_gives_the_same_page(page: str) -> None:
    assert to_html(rich_report()) == page


def test_first_the_verdict_then_the_tables_then_the_rest(root: Node) -> None:
    order = [node.attributes.get("id") for node in root.all("h2")]
    assert order == [
        "notices",
        "verdict",
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
    assert with_class(root, "sentence")[0].text() == rich_report().verdict.sentence


def test_figures_and_intervals_of_the_comparison(root: Node) -> None:
    table = with_class(root, "scroll")[0].all("table")[0]
    cells = row_of(table, "knn")
    assert cells[0] == "✓ best 98.5 [96.5, 99.5]"
    assert cells[2:4] == ["4.31", "6.02"]
    assert row_of(table, "centroid")[0] == "88.8 [86.8, 89.8]"
    assert [row.all("th")[0].text() for row in table.all("tr") if "pick" in row.classes()] == ["knn our pick"]
    heads = [" ".join(head.text().split()) for head in table.all("thead")[0].all("th")]
    assert heads[:4] == ["Router", "accuracy %", "overlap %", "p50 ms"]
    assert "baseline" in [kind.text() for kind in with_class(table, "kind")]


def test_a_gap_has_a_number_that_leads_to_its_reason(root: Node) -> None:
    table = with_class(root, "scroll")[0].all("table")[0]
    references = [link.attributes["href"] for link in table.all("a")]
    assert references == ["#table-0-1"] * 4 + ["#table-0-2"]
    assert by_id(root, "table-0-1").text() == NOT_MEASURED
    assert by_id(root, "table-0-2").text() == NO_EXPERTS


def test_what_columns_mean_can_be_read_without_a_pointer(root: Node) -> None:
    (legend, *_) = with_class(root, "legend")
    assert legend.tag == "details"
    assert [term.text() for term in legend.all("dd")] == [column.about for column in comparison().columns]


def test_checksums_are_short_and_whole(root: Node) -> None:
    shown = [[code.text() for code in one.all("code")] for one in with_class(root, "hash")]
    assert [f"{sha256('knn')[:12]}…", sha256("knn")] in shown
    # The commit among other words of its cell.
    assert ["6a3364f0d6e1…", "6a3364f0d6e1b2c3d4e5f60718293a4b5c6d7e8f"] in shown


def test_ink_becomes_the_colour_of_the_page(root: Node, page: str) -> None:
    (style,) = root.all("style")
    drawn = page.replace(style.text(), "")
    assert "#1f2328" not in drawn.lower()
    assert "currentColor" in drawn
    assert "#0b7285" in drawn
    assert "<?xml" not in page
    assert "metadata" not in page


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


def test_without_answers_there_is_nothing_to_open() -> None:
    page = to_html(replace(rich_report(0), questions=questions(10, answers=False)))
    assert not by_id(parsed(page), "list").all("dl")


def test_how_many_questions_are_left_out() -> None:
    report = rich_report(30)
    assert "500 test questions on which" in to_html(report)
    assert "the first 30 are here" in to_html(report)
    assert "are here" not in to_html(replace(report, n_questions=30))


def test_parts_that_are_missing_are_not_announced() -> None:
    root = parsed(to_html(bare_report()))
    assert [link.text() for link in root.all("nav")[0].all("a")] == ["Comparison"]
    assert [node.attributes["id"] for node in root.all("h2")] == ["verdict", "comparison"]
    assert not root.all("figure", "form", "details")


def test_two_thousand_questions_stay_light() -> None:
    page = to_html(rich_report(2000)).encode()
    assert 2000 * 500 < len(page) < 6 * MEGABYTE


def test_a_figure_that_is_no_picture_is_refused() -> None:
    report = rich_report(0)
    with pytest.raises(ValueError, match="no <svg>"):
        to_html(replace(report, figures=[replace(report.figures[0], svg="<p>no</p>")]))


def test_names_turn_nothing_beside_them_and_hide_nothing() -> None:
    arabic, hidden = "راوتر", "a\u202eb\x1b\x00c\u2066"
    question = Question(
        "q1", f"{arabic}?\u202e\nwhat", "car", "standard", None, [Choice(arabic, "car", True, 0.9, 0.8)]
    )
    report = replace(
        rich_report(0),
        verdict=replace(
            rich_report(0).verdict, router=arabic, sentence=f"Take {arabic}: 90.0 % [86.0, 94.5]"
        ),
        comparison=Table(
            "comparison",
            "Compared",
            [Column("accuracy", "accuracy")],
            [Row(name, [Cell("–")]) for name in (arabic, hidden)],
        ),
        questions=[question],
        n_questions=1,
    )
    text = to_html(report)
    assert f"Take \u2068{arabic}\u2069: 90.0 % [86.0, 94.5]" in text
    assert f'<th scope="row">\u2068{arabic}\u2069 <span class="tag tag-pick">' in text
    assert '<th scope="row">abc</th>' in text
    # Isolated, it would not say in which direction its own element is read.
    assert f'<span class="q" dir="auto">{arabic}?\nwhat</span>' in text
    assert not set("\u202e\x1b\x00\u2066") & set(text)
    assert text.count("\u2068") == text.count("\u2069") > 0
