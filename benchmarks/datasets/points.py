"""Questions from the two files of the KNN Router server (see routers/points.py); targets are the labels."""

from pathlib import Path

from benchmarks.datasets.base import Dataset, Example, question_id, split
from benchmarks.datasets.checks import check_learnable
from benchmarks.datasets.questions import Placed, unique
from benchmarks.errors import BadInput
from common.checks import constrained, fraction
from common.files import sha256_file
from common.progress import say
from routers.base import RouterError
from routers.interop.points import POINTS, TARGETS, Points, read_points


@constrained("dataset.", test_fraction=fraction)
def load(name: str, path: str, test_fraction: float = 0.2) -> Dataset:
    """Load the points that have an utterance and a score, split by a hash of the utterance.

    The label is the target with the highest score, on a tie the first by name; the outcomes are the scores.
    The embeddings are not used: each router computes its own.

    Args:
        path: the folder of points.jsonl and targets.jsonl.
        test_fraction: each label's share of utterances to test on, chosen by a hash of the utterance.

    Raises:
        BadInput: the files cannot be read, no point is left, a score outside [0, 1], an utterance
            twice with different best targets, or a single best target.
    """
    folder = Path(path)
    try:
        points = read_points(folder)
    except RouterError as error:
        raise BadInput(str(error)) from error
    with_text = [row for row, utterance in enumerate(points.utterances) if utterance is not None]
    usable = [row for row in with_text if points.scores[row]]
    _report(folder, len(points.uids), len(with_text), len(usable))
    examples = [one.example for one in unique([_example(folder, points, row) for row in usable])]
    train, test = split(examples, test_fraction)
    files = {f"{folder.name}/{file}": sha256_file(folder / file) for file in (POINTS, TARGETS)}
    return check_learnable(Dataset(name, train, test, files), str(folder))


def _report(folder: Path, n_points: int, n_with_text: int, n_usable: int) -> None:
    silent, unscored = n_points - n_with_text, n_with_text - n_usable
    if not n_usable:
        raise BadInput(
            f"{folder}: none of {n_points} points has both an utterance, to ask, and a score, to judge by"
        )
    if silent:
        say(f"left out {silent} of {n_points} points, which have no utterance")
    if unscored:
        say(f"left out {unscored} of {n_points} points, which have an utterance and no score")


def _example(folder: Path, points: Points, row: int) -> Placed:
    query, scores = str(points.utterances[row]), dict(sorted(points.scores[row].items()))
    for target, score in scores.items():
        if not 0 <= score <= 1:
            raise BadInput(
                f"{folder / TARGETS}: the score {score} of {target!r} for {points.uids[row]} is not in [0, 1]"
            )
    label = max(scores, key=scores.__getitem__)
    where = f"{folder / POINTS}: point {points.uids[row]}"
    return Placed(where, Example(question_id(query, label), query, label, outcomes=scores))
