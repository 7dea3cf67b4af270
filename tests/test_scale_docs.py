"""docs/scale.py: the arithmetic of docs/scale.md, by hand."""

import importlib.util
import re
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from reports.growth.files import write_growth
from reports.growth.model import Axis, Growth
from tests.reports.growth.samples import growth, point

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
GENERATED = r"(?s)<!-- \w+ -->\n.*?<!-- end -->"


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def grown() -> Growth:
    """Search takes 10⁻⁵ ms a stored question, memory 100 MB and 2,000 bytes a stored question."""
    sizes = (10**5, 10**6)
    points = [point(Axis.STORED, size, **stored(size, size * 1e-5, 100 + size * 0.002)) for size in sizes]
    batches = [point(Axis.BATCH, 1, throughput=100.0), point(Axis.BATCH, 8, throughput=200.0)]
    return growth([*points, *batches])


def test_lines_follow_from_the_figures(scale: ModuleType, grown: Growth) -> None:
    about = partial(pytest.approx, rel=1e-6)
    assert [line.value(grown) for line in scale.MEASURED] == [
        1_000_000,
        about(15),
        about(10),
        about(1),
        # No recall.
        None,
        about(2_000),
        about(2_000),
        about(1),
        about(1),
        about(1),
        about(1),
        200,
    ]
    machines = 17_535
    assert [line.value(grown) for line in scale.CARRIED] == [
        # 10⁹ / 86,400 × 3 / 200
        174,
        # 5 ms are what 500,000 take.
        500_000,
        about(1_000),
        # 34,722.2 × (1 / 200 + 1 / 2)
        machines,
        # 0.1 + 10⁸ × 2,000 bytes
        about(200.1),
        about(200),
        about(100 / 60),
        about(100 / 3_600),
        about(1e8 / 200 / 3_600),
        about(machines * 24 * (2 * 0.04 + 200.1 * 0.005)),
    ]


def test_main_writes_the_generated_parts_alone(
    scale: ModuleType, grown: Growth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_growth(grown, tmp_path / "a")
    page = tmp_path / "scale.md"
    page.write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(scale, "PAGE", page)
    scale.main([f"made up={tmp_path / 'a'}"])
    text = page.read_text(encoding="utf-8")
    for lines in (scale.MEASURED, scale.CARRIED):
        assert scale.table(lines, {"made up": grown}) in text
    assert scale.assumptions() in text
    # All else stays as it was.
    assert re.sub(GENERATED, "", text) == re.sub(GENERATED, "", PAGE)


def test_the_page_has_the_assumptions_and_lines_of_the_script(scale: ModuleType) -> None:
    assert scale.assumptions() in PAGE
    for line in (*scale.MEASURED, *scale.CARRIED):
        assert f"| {line.name} |" in PAGE
