"""Results that fail nothing: of advisory metrics, and losses that were accepted for a while."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from benchmarks.errors import BadInput
from benchmarks.gate.outcomes import GATED
from benchmarks.gate.requirements import near
from benchmarks.metrics.entry import WHOLE
from reports.gate.results import FAILING, Check, Code, GateResult, Outcome, Remark

KEYS = {"metric", "reason", "expires"}
_FORM = "expected a list of entries with metric, reason and expires (YYYY-MM-DD)"


@dataclass(frozen=True)
class Accepted:
    """A loss that was accepted.

    Attributes:
        metric: as `accuracy`, or with a slice `accuracy[overlap]`.
        expires: last day on which it holds.
        place: file and line of the entry.
    """

    metric: str
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
    metric, reason, expires = content["metric"], content["reason"], content["expires"]
    if not isinstance(metric, str):
        raise BadInput(f"{place}: metric is no name: {metric!r}")
    if not isinstance(reason, str) or not reason.strip():
        raise BadInput(f"{place}: reason is empty; say why the loss of {metric} is accepted")
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise BadInput(f"{place}: expires is no date: {expires!r}; write it as 2026-12-31")
    check_name(metric, place)
    return Accepted(metric, " ".join(reason.split()), expires, place)


def excused(check: Check, advisory: Sequence[str], accepted: Sequence[Accepted], today: date) -> Check:
    """The check with failing results of those metrics as warnings, or as accepted; requirements stay.

    Expired entries count for nothing, and a note says so.
    """
    valid = [entry for entry in accepted if today <= entry.expires]
    expired = [
        Remark(Code.EXPIRED, {"place": one.place, "metric": one.metric, "expired": one.expires.isoformat()})
        for one in accepted
        if one not in valid
    ]
    results = [_excused(one, advisory, valid) for one in check.results]
    return replace(check, results=results, notes=[*check.notes, *expired])


def _excused(result: GateResult, advisory: Sequence[str], accepted: Sequence[Accepted]) -> GateResult:
    if result.outcome not in FAILING or result.required is not None:
        return result
    for entry in accepted:
        if _is_named(result, entry.metric):
            until = {"until": entry.expires.isoformat(), "why": entry.reason, "place": entry.place}
            reason = Remark(Code.ACCEPTED, {"outcome": str(result.outcome), **until})
            return replace(result, outcome=Outcome.ACCEPTED, reason=reason)
    if any(_is_named(result, name) for name in advisory):
        reason = Remark(Code.ADVISORY, {"outcome": str(result.outcome)})
        return replace(result, outcome=Outcome.WARNING, reason=reason)
    return result


def _is_named(result: GateResult, name: str) -> bool:
    """Tell whether `name` means this result: without a slice it is that of all questions."""
    if name == f"{result.metric}[{result.slice}]":
        return True
    return name == result.metric and result.slice in WHOLE
