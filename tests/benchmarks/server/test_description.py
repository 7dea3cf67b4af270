"""Every endpoint does what the description of the endpoints says: schemathesis asks a running server.

Left out are its checks that every request of the described form is accepted (a text may be empty, or name a
router that there is not), that every other one is refused (the protocols ignore what they do not know), and
that of keys, which sends ours all the same: keys are tested in `test_gate.py`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)

from tests.benchmarks.server.test_processes import Server, started

pytestmark = pytest.mark.process
EXAMPLES = 10
KEY = "a key"
LEFT_OUT = [ignored_auth, negative_data_rejection, positive_data_acceptance]


@pytest.fixture(scope="module")
def server(tfidf_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("described")
    environment = {"ROUTER_DERBY_ADMIN_KEY": KEY, "ROUTER_DERBY_API_KEYS": "anna:first"}
    with started(folder, f"run={tfidf_run}", environment=environment) as found:
        yield found


def ask(operation: Any, mode: GenerationMode) -> int:
    """Ask an endpoint; returns how often. Raises where it does not do what it says."""
    cases = []

    @settings(
        max_examples=EXAMPLES,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case) -> None:
        cases.append(case)
        case.call_and_validate(headers={"authorization": f"Bearer {KEY}"}, excluded_checks=LEFT_OUT)

    holds()
    return len(cases)


def test_the_description_is_true(server: Server) -> None:
    address = f"http://127.0.0.1:{server.port}/openapi.json"
    schema = schemathesis.openapi.from_url(address, headers={"authorization": f"Bearer {KEY}"})
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == 12
    for operation in operations:
        assert ask(operation, GenerationMode.POSITIVE)
        # Without a body there is nothing to get wrong.
        assert not operation.body or ask(operation, GenerationMode.NEGATIVE)
    assert server.process.poll() is None
