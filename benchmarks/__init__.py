"""Run router benchmarks: `python -m benchmarks run router=knn`."""
