"""Metrics that a PromQL expression reads."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import promql_parser
from prometheus_client.parser import text_string_to_metric_families

# Labels that Prometheus adds, and those of histograms.
GIVEN = {"job", "instance", "le"}


class Selected(NamedTuple):
    """A metric and the labels that an expression asks of it."""

    name: str
    labels: frozenset[str]


def parse(expression: str) -> Any:
    """Raises ValueError for what is not PromQL."""
    return promql_parser.parse(expression)


def selected(expression: str) -> list[Selected]:
    """Every metric in an expression; labels that an aggregation keeps are asked of each metric inside it."""
    return list(_walk(parse(expression), frozenset()))


def _walk(node: Any, kept: frozenset[str]) -> Iterator[Selected]:
    kind = type(node).__name__
    if kind == "VectorSelector":
        matched = {matcher.name for matcher in node.matchers.matchers}
        yield Selected(str(node.name), frozenset(matched | kept))
    elif kind == "MatrixSelector":
        yield from _walk(node.vector_selector, kept)
    elif kind == "AggregateExpr":
        by = node.modifier
        labels = frozenset(by.labels) if by is not None and "By" in str(by.type) else frozenset()
        yield from _walk(node.expr, kept | labels)
    elif kind == "Call":
        # label_replace and label_join make labels of their own.
        inside = frozenset() if node.func.name.startswith("label_") else kept
        for argument in node.args:
            yield from _walk(argument, inside)
    elif kind == "BinaryExpr":
        yield from _walk(node.lhs, kept)
        yield from _walk(node.rhs, kept)
    elif kind in ("ParenExpr", "UnaryExpr", "SubqueryExpr"):
        yield from _walk(node.expr, kept)
    else:
        assert kind in ("NumberLiteral", "StringLiteral"), kind


def exposed(text: str) -> dict[str, set[str]]:
    """Labels of each metric in the text of `/metrics`, by the name that queries use."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def missing(expressions: list[str], text: str) -> list[str]:
    """Metrics and labels of the expressions that `/metrics` does not have."""
    known = {**exposed(text), "up": set()}
    gone = []
    for expression in expressions:
        for metric in selected(expression):
            if metric.name not in known:
                gone.append(metric.name)
            else:
                gone += [f"{metric.name}{{{label}}}" for label in metric.labels - known[metric.name] - GIVEN]
    return sorted(set(gone))
