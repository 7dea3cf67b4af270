"""A league as tables, sentences, Markdown and a page."""

from dataclasses import replace

from reports.league.figures import draw_league
from reports.league.html import to_html
from reports.league.markdown import to_markdown
from reports.league.model import League
from reports.league.sentences import headline, notices
from reports.league.tables import conditions_table, dataset_tables, overall_table, scores_table
from reports.record import Estimate, Git, Machine
from reports.table import Row, Table
from reports.text.cells import cell_text
from tests.reports.comparison.render.test_html import LOADS, parsed
from tests.reports.golden_files import same_as_golden
from tests.reports.league.samples import NASTY, PROVENANCE, SHA, league


def row(table: Table, name: str) -> Row:
    (found,) = [one for one in table.rows if one.name == name]
    return found


def texts(table: Table, name: str) -> dict[str, str]:
    cells = zip(table.columns, row(table, name).cells, strict=True)
    return {column.key: cell_text(column, cell) for column, cell in cells}


def reasons(table: Table, name: str) -> dict[str, str]:
    cells = zip(table.columns, row(table, name).cells, strict=True)
    return {column.key: cell.missing.sentence for column, cell in cells if cell.missing}


def test_over_all_data_sets() -> None:
    table = overall_table(league())
    assert [one.name for one in table.rows] == ["oracle", NASTY, "plain", "best constant"]
    assert texts(table, NASTY) == {
        "place": "1",
        "score": "85.0 [80.0, 90.0]",
        "behind": "–",
        "wins": "1",
        "losses": "0",
        # 4 and 16: the geometric mean. Of memory the largest.
        "latency_p50": "8.00",
        "peak_rss": "300",
        "cost": "2.00",
        "routing_cost": "–",
        "ece": "2.0",
        "fronts": "p50 1, memory 1",
    }
    # The means of 1 and 0.9, and of 0.4 and 0.7.
    assert [texts(table, name)["score"] for name in ("oracle", "best constant")] == ["95.0", "55.0"]
    assert reasons(table, "plain") == {
        "place": "no figure on models",
        "score": "no figure on models",
        "latency_p50": "no figure on models",
        "peak_rss": "measure.enabled=false: neither speed nor memory was measured",
        "cost": "the fit was killed after 600 s",
    }
    # What nobody else has to have is no gap.
    assert reasons(table, NASTY) == {}


def test_scores_and_data_sets() -> None:
    found = league()
    assert texts(scores_table(found), NASTY) == {
        "questions": "90.0 [85.0, 95.0]",
        "models": "80.0 [75.0, 85.0]",
    }
    assert reasons(scores_table(found), "plain") == {"models": "the fit was killed after 600 s"}
    (questions,) = dataset_tables(found, found.datasets[0])
    assert row(questions, "best constant").note == "always car"
    assert row(questions, NASTY).cells[0].best
    assert texts(questions, NASTY)["fronts"] == "p50, memory"
    assert texts(questions, "plain")["fronts"] == "–"
    routed, scored = dataset_tables(found, found.datasets[1])
    assert [column.key for column in routed.columns][:2] == ["quality", "accuracy"]
    assert row(routed, "plain").note == "no result"
    # Alone, it is better than nobody.
    assert not row(routed, NASTY).cells[0].best
    assert texts(scored, NASTY)["apgr"] == "60.0"
    assert [column.key for column in scored.columns] == ["quality", "cost", "apgr", "arena_score"]
    assert texts(scored, "oracle")["apgr"] == "90.0"
    conditions = conditions_table(found, found.datasets[0])
    assert texts(conditions, NASTY) == {
        "machine": "2 cores of AMD EPYC",
        "threads": "1",
        "commit": "commit ccccccc",
        "record": SHA,
        "predictions": SHA,
    }
    assert conditions.about == [f"train.json has SHA-256 {SHA}."]


def test_the_headline_tells_a_lead_from_chance() -> None:
    found = league()
    first, plain = found.standings
    lead = f"{NASTY} leads with a mean score of 85.0 % on 2 data sets"
    # One that is not ranked may well be better: it is named.
    assert headline(found) == f"{lead}; nobody else is ranked. Without a place, as a score is missing: plain."

    def beside(place: int, low: float) -> League:
        other = replace(
            plain, lacks=[], place=place, score=Estimate(0.8, 0.7, 0.9), behind=Estimate(0.05, low, 0.1)
        )
        return replace(found, standings=[first, other])

    assert headline(beside(2, -0.01)).endswith("the difference to plain may be chance.")
    assert headline(beside(2, 0.01)) == f"{lead}; the other is behind beyond chance."
    assert headline(beside(1, -0.01)).startswith(f"{NASTY} and plain lead with a mean score")
    nobody = replace(found, standings=[replace(first, place=None, score=None)])
    assert headline(nobody) == "No contestant has a score on every data set, so that none is ranked."


def test_notices() -> None:
    found = league()
    assert list(notices(found)) == ["No result on models of plain: the table of models says why."]
    first, second = found.datasets
    elsewhere = replace(PROVENANCE, machine=Machine(cpu="another"), git=Git("d" * 40, True))
    moved = replace(second, absent={}, entries=[replace(second.entries[0], provenance=elsewhere)])
    said = list(notices(replace(found, datasets=[first, moved])))
    assert said == [
        "Speeds were measured with different machines, so that latencies do not compare.",
        "Results come from different commits: see the conditions.",
        f"Measured on uncommitted changes: {NASTY}.",
    ]


def test_the_page_is_whole_and_on_its_own() -> None:
    found = league()
    figures = draw_league(found)
    assert [figure.name for figure in figures] == ["1_questions", "2_models"]
    assert "Quality of the answers to 200 test questions" in figures[1].caption
    page = to_html(found, figures)
    assert page == to_html(found, figures)
    root = parsed(page)
    ids = [node.attributes["id"] for node in root.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for node in root.all():
        for name in LOADS:
            value = node.attributes.get(name) or "#"
            assert value.startswith(("#", "data:")), f"{node.tag} {name}={value}"
        target = node.attributes.get("href") or ""
        assert not target.startswith("#") or target[1:] in ids, target
    assert not root.all("script")
    # The user's name is text, and cannot turn what stands around it.
    assert "<b>&" not in page
    assert "\u202e" not in page
    assert "the fit was killed after 600 s" in page


def test_markdown() -> None:
    same_as_golden("league.md", to_markdown(league(), []))
