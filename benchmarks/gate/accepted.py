"""Results that fail nothing: of advisory metrics, and losses that were accepted for a while."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from benchmarks.errors import BadInput
from benchmarks.gate.outcomes import GATED, beyond, check_loss
from benchmarks.gate.requirements import near
from benchmarks.metrics.entry import WHOLE
from reports.gate.results import FAILING, Check, Code, GateResult, Outcome, Remark

KEYS = {"metric", "up_to", "reason", "expires"}
_FORM = "expected a list of entries with metric, up_to (0.02 is two points), reason and expires (YYYY-MM-DD)"


@dataclass(frozen=True)
class Accepted:
    """A loss that was accepted.

    Attributes:
        metric: as `accuracy`, or with a slice `accuracy[overlap]`.
        up_to: largest loss that is accepted, in the unit of a tolerance.
        expires: last day on which it holds.
        place: file and line of the entry.
    """

    metric: str
    up_to: float
    reason: str
    expires: date
    place: str


def check_name(name: str, place: str) -> None:
    """Raises BadInput, naming the place, for a name whose metric the gate does not test."""
    metric = name.partition("[")[0]
    if metric not in GATED:
        raise BadInput(f"{place}: no metric {metric!r} is checked{near(metric, list(GATED))}")


def read_accepted(path: Path) -> list[Accepted]:
    """The entries of a YAML file.

    Raises:
        BadInput: it cannot be read, is not a list of entries, or names an unknown metric; with the line.
    """
    import yaml

    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        root = loader.get_single_node()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if root is None:
        return []
    if not isinstance(root, yaml.SequenceNode):
        raise BadInput(f"{path}: {_FORM}")
    found: list[Accepted] = []
    for node in root.value:
        place = f"{path} line {node.start_mark.line + 1}"
        # A key given twice would hide the first.
        if not isinstance(node, yaml.MappingNode) or len(node.value) != len(KEYS):
            raise BadInput(f"{place}: {_FORM}")
        try:
            content = loader.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError) as error:
            raise BadInput(f"{place}: {' '.join(str(error).split())}; {_FORM}") from error
        entry = _entry(content, place)
        if any(one.metric == entry.metric for one in found):
            raise BadInput(f"{place}: {entry.metric} has an entry above; keep one of them")
        found.append(entry)
    return found


def _entry(content: Mapping[str, Any], place: str) -> Accepted:
    if set(content) != KEYS:
        raise BadInput(f"{place}: {_FORM}")
    metric, up_to, reason, expires = (content[key] for key in ("metric", "up_to", "reason", "expires"))
    if not isinstance(metric, str):
        raise BadInput(f"{place}: metric is no name: {metric!r}")
    if not isinstance(reason, str) or not reason.strip():
        raise BadInput(f"{place}: reason is empty; say why the loss of {metric} is accepted")
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise BadInput(f"{place}: expires is no date: {expires!r}; write it as 2026-12-31")
    if isinstance(up_to, bool) or not isinstance(up_to, int | float):
        raise BadInput(f"{place}: up_to is no number: {up_to!r}; write two points as 0.02")
    check_name(metric, place)
    check_loss(metric.partition("[")[0], up_to, f"{place}: up_to {up_to:g}")
    return Accepted(metric, float(up_to), " ".join(reason.split()), expires, place)


def excused(check: Check, advisory: Sequence[str], accepted: Sequence[Accepted], today: date) -> Check:
    """The check with failing results of those metrics as warnings, or as accepted; requirements stay.

    Entries that expired, or whose metric lost more, count for nothing, and a note says so. A missing metric
    has no loss that could be accepted.
    """
    valid = [entry for entry in accepted if today <= entry.expires]
    notes = [
        Remark(Code.EXPIRED, {"place": one.place, "metric": one.metric, "expired": one.expires.isoformat()})
        for one in accepted
        if one not in valid
    ]
    results = []
    for result in check.results:
        found = _acceptance(result, valid)
        if found is not None and found.code == Code.ACCEPTED:
            results.append(replace(result, outcome=Outcome.ACCEPTED, reason=found))
            continue
        if found is not None:
            notes.append(found)
        results.append(_with_warning(result, advisory))
    return replace(check, results=results, notes=[*check.notes, *notes])


def _acceptance(result: GateResult, accepted: Sequence[Accepted]) -> Remark | None:
    """Remark on a failing result whose metric has an entry: its loss is accepted, or is larger than that."""
    entry = next((one for one in accepted if _is_named(result, one.metric)), None)
    if entry is None or result.worse_by is None or not _fails(result):
        return None
    details = {"place": entry.place, "up_to": entry.up_to, "kind": result.kind, "unit": result.unit}
    if beyond(result.worse_by, entry.up_to):
        return Remark(Code.EXCEEDED, {"metric": entry.metric, **details})
    until = {"until": entry.expires.isoformat(), "why": entry.reason}
    return Remark(Code.ACCEPTED, {"outcome": str(result.outcome), **details, **until})


def _fails(result: GateResult) -> bool:
    """Tell whether it fails the check, and is no requirement."""
    return result.outcome in FAILING and result.required is None


def _with_warning(result: GateResult, advisory: Sequence[str]) -> GateResult:
    """The result, as a warning where it fails and is of an advisory metric."""
    if not _fails(result) or not any(_is_named(result, name) for name in advisory):
        return result
    reason = Remark(Code.ADVISORY, {"outcome": str(result.outcome)})
    return replace(result, outcome=Outcome.WARNING, reason=reason)


def _is_named(result: GateResult, name: str) -> bool:
    """Tell whether `name` means this result: without a slice it is that of all questions."""
    if name == f"{result.metric}[{result.slice}]":
        return True
    return name == result.metric and result.slice in WHOLE
