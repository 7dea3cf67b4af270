"""The date of a result, from its place."""

from datetime import datetime
from pathlib import Path

import pytest

from reports.text.dates import date_of

DATE = datetime(2026, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("folder", "date"),
    [
        ("outputs/run/2026-01-02_03-04-05_knn", DATE),
        ("outputs/run/2026-01-02_03-04-05_knn/baselines/tfidf", DATE),
        ("outputs/compare/2026-01-02_03-04-05/results/knn", DATE),
        ("2020-01-01_00-00-00_sweep/2026-01-02_03-04-05_knn", DATE),
        # Digits that are no date, and the one above that is.
        ("2026-01-02_03-04-05/2026-99-02_03-04-05_knn", DATE),
        ("12026-01-02_03-04-05_knn", None),
        ("reports/baselines/ci/knn", None),
    ],
)
def test_date_of(folder: str, date: datetime | None) -> None:
    assert date_of(Path(folder)) == date
