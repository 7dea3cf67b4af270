"""Questions labelled with the size of model that they need: Muhammad2003/routing-dataset on the hub.

Its labels are 3B, 7B, 30B and 70B. Any CSV, JSONL or Parquet table with a question and a label a row will do.
"""

from collections.abc import Mapping
from pathlib import Path

from benchmarks.datasets.base import Dataset, Example, question_id, split
from benchmarks.datasets.checks import Problems, check_learnable, numbered, question_text
from benchmarks.datasets.source import fetch
from benchmarks.datasets.tables import class_name, class_names, column, read_table
from common.checks import at_least, constrained

HUB = "Muhammad2003/routing-dataset"
FILE = "data/train-00000-of-00001.parquet"
# The data set has no split: a fifth is for testing, and a quarter of the rest for calibration.
TEST, VALIDATION_OF_REST = 0.2, 0.25


@constrained("dataset.", seed=at_least(0))
def load(
    name: str,
    path: str | None = None,
    hub: str | None = None,
    revision: str | None = None,
    sha256: Mapping[str, str] | None = None,
    question_column: str = "question",
    label_column: str = "label",
    seed: int = 0,
) -> Dataset:
    """Load a table and split it by label: three fifths for training, one for calibration, one for testing.

    The parts depend on the questions and `seed`, not on the order of the rows; copies of a question are in
    one part.

    Args:
        path: any CSV, JSONL or Parquet table with a question and a label a row.
        hub, revision, sha256: see `benchmarks.datasets.source.fetch`.
        seed: of the parts. It is not the seed of the run: runs with other seeds test the same questions.

    Raises:
        BadInput: no such file or column, a row without a question or a label, or too few questions.
    """
    found = fetch([FILE], path, hub, revision, sha256, usual_hub=HUB)
    file = found.paths[FILE]
    rest, test = split(_read(file, question_column, label_column), TEST, seed)
    train, validation = split(rest, VALIDATION_OF_REST, seed)
    return check_learnable(Dataset(name, train, test, found.sha256, validation), str(file))


def _read(path: Path, question_column: str, label_column: str) -> list[Example]:
    names = class_names(path, label_column)
    problems, examples = Problems(), []
    for where, row in read_table(path):
        with problems.collect():
            question = question_text(column(row, question_column, where), where)
            label = class_name(column(row, label_column, where), names, where)
            examples.append(Example(question_id(question, label), question, label))
    problems.refuse()
    return numbered(examples)
