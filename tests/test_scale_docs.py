"""docs/scale.py: the arithmetic of docs/scale.md, by hand."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from reports.growth.files import write_growth
from reports.growth.model import Axis
from tests.reports.growth.samples import growth, point

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


@pytest.fixture
def scale() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scale", ROOT / "docs" / "scale.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored(size: int, search: float, memory: float) -> dict[str, float]:
    return {
        "latency_p50": 5.0 + search,
        "search_p50": search,
        "peak_rss": memory,
        "index_size": size * 0.002,
        "load_time": size * 1e-6,
        "train_time": size * 1e-6,
    }


def rows(text: str) -> dict[str, list[str]]:
    """Cells of every row of the page's tables by its first cell."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {head.strip(): [cell.strip() for cell in cells] for head, *cells in lines}


def test_the_tables_follow_from_the_figures(
    scale: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Search is a millionth of a millisecond a question, memory 100 MB and 2,000 bytes a question.
    sizes = (10**5, 10**6)
    points = [point(Axis.STORED, size, **stored(size, size * 1e-5, 100 + size * 0.002)) for size in sizes]
    batches = [point(Axis.BATCH, 1, throughput=100.0), point(Axis.BATCH, 8, throughput=200.0)]
    write_growth(growth([*points, *batches]), tmp_path / "a")
    page = tmp_path / "scale.md"
    page.write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(scale, "PAGE", page)
    scale.main([f"made up={tmp_path / 'a'}"])
    found = rows(page.read_text(encoding="utf-8"))
    assert found["largest number stored"] == ["1,000,000"]
    assert found["memory for one more stored question, bytes"] == ["2,000"]
    assert found["questions a second at the best batch"] == ["200"]
    assert found["recall of neighbours there, %"] == ["–"]
    # 10⁹ / 86,400 × 3 / 200
    assert found["machines for 10⁹ questions a day, search not counted"] == ["174"]
    # 5 ms are what 500,000 take.
    assert found["search takes as long as all else among, stored"] == ["500,000"]
    assert found["search among 10⁸, ms"] == ["1,000"]
    # 34,722.2 × (1 / 200 + 1 / 2)
    assert found["machines for 10⁹ a day among 10⁸"] == ["17,535"]
    # 0.1 + 10⁸ × 2,000 bytes
    assert found["memory of each, 10⁹ bytes"] == ["200"]
    assert found["disk of each, 10⁹ bytes"] == ["200"]
    assert found["load, minutes"] == ["1.67"]
    assert found["encode 10⁸ once on one machine, hours"] == ["139"]
    # 17,535 × 24 × (2 × 0.04 + 200.1 × 0.005)
    assert found["US dollars a day"] == [f"{17_535 * 24 * (0.08 + 200.1 * 0.005):,.0f}"]
    # All else stays as it was.
    assert re.sub(r"(?s)<!-- (\w+) -->\n.*?<!-- end -->", "", page.read_text(encoding="utf-8")) == re.sub(
        r"(?s)<!-- (\w+) -->\n.*?<!-- end -->", "", PAGE
    )


def test_the_page_has_figures_and_its_links_lead_somewhere() -> None:
    assert len(rows(PAGE)) > 15
    for link in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists()
