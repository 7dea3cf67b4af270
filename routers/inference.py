"""Checks that a router keeps what `routers.base.Inference` promises. They run where answers are kept, never
where they are timed."""

from collections.abc import Iterator, Sequence
from reprlib import repr as shortened
from typing import Any

import numpy as np

from routers.base import Inference, Router, RouterError

# How far from 1 a row may sum, and, for the rounding of float32, how far beyond 0 or 1 a value may be.
SUM_TOLERANCE = 1e-3
ROUNDING = 1e-6


def promised(router: Router, queries: Sequence[str]) -> Inference:
    """`router.infer(queries)`.

    Raises:
        RouterError: it is not what a router promises.
    """
    return check_inference(router, queries, router.infer(queries))


def with_cut(router: Router, queries: Sequence[str], said: Inference) -> Inference:
    """The output `said`, with a mark on the queries of which `router` read only the beginning."""
    return said._replace(cut=np.array([router.is_cut(query) for query in queries], dtype=bool))


def check_inference(router: Router, queries: Sequence[str], said: Inference) -> Inference:
    """Return what `router` said of `queries`, as it is.

    Raises:
        RouterError: it is not what a router promises; names its class.
    """
    shapes: dict[str, tuple[int, ...]] = {
        "proba": (len(queries), len(router.classes_)),
        "confidence": (len(queries),),
        "expected": (len(queries), len(getattr(router, "models_", ()))),
        "sent_on": (len(queries),),
        "cut": (len(queries),),
        "chances": (len(queries), len(router.classes_)),
    }
    # The first is enough: what follows may come of it.
    for complaint in _complaints(said, shapes, queries):
        raise RouterError(f"{type(router).__module__}.{type(router).__qualname__}.infer: {complaint}")
    return said


def _complaints(said: Any, shapes: dict[str, tuple[int, ...]], queries: Sequence[str]) -> Iterator[str]:
    if not isinstance(said, Inference):
        yield f"it returned a {type(said).__name__}, not a routers.base.Inference"
    for name, shape in shapes.items():
        array = getattr(said, name)
        if array is None and name in Inference._field_defaults:
            continue
        kinds, wanted = ("b", "truth values") if name in ("sent_on", "cut") else ("fiu", "numbers")
        if not isinstance(array, np.ndarray) or array.dtype.kind not in kinds:
            kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            yield f"{name} is of type {kind}, not a numpy array of {wanted}"
        if array.shape != shape:
            yield f"{name} has shape {array.shape}, not {shape}: {_AXES[name]}"
    distributions = {"proba": said.proba} | ({} if said.chances is None else {"chances": said.chances})
    for name, array in {**distributions, "confidence": said.confidence}.items():
        # Also of what is not a number.
        for place in np.argwhere(~((array >= -ROUNDING) & (array <= 1 + ROUNDING))):
            query = shortened(queries[int(place[0])])
            yield f"{name} has {array[tuple(place)]:g} for {query}, not a number from 0 to 1"
    for name, array in distributions.items():
        sums = array.sum(axis=1, dtype=np.float64)
        for row in np.flatnonzero(abs(sums - 1) > SUM_TOLERANCE):
            yield f"{name} sums to {sums[row]:g} for {shortened(queries[int(row)])}, not to 1"


_AXES = {
    "proba": "a row a query, a column a class of classes_",
    "confidence": "one number a query",
    "expected": "a row a query, a column a model of models_",
    "sent_on": "one truth value a query",
    "cut": "one truth value a query",
    "chances": "a row a query, a column a class of classes_",
}
