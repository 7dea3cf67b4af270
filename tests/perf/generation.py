"""What batching is worth: `python -m tests.perf.generation [QUESTIONS]`, alone on the machine.

The same test questions through a plain loop (one question at a time, float32, its adapter set first) and
through each engine: tokens a second, how many answers are the same, and what swapping adapters takes.
Needs the packaged weights.
"""

import os
import sys
from collections.abc import Sequence
from statistics import median
from time import perf_counter
from typing import Any

from experts import prompt
from experts.base import Request
from experts.local import LocalModels, Prompt
from experts.lora import LoraExperts
from experts.onnx import OnnxExperts

SWAPS = 50


class Mixed(LoraExperts):
    """Every batch holds questions for every expert."""

    @staticmethod
    def _order(asked: Prompt) -> tuple[Any, ...]:
        return len(asked.text), asked.row


def main(n_questions: int) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    from benchmarks.answers.experts import assemble
    from benchmarks.config import compose_settings
    from benchmarks.datasets.load import load_dataset

    settings = compose_settings("run", ["experts.engine=torch"])
    dataset = load_dataset(settings.dataset)
    panel = assemble(settings.experts, dataset.classes)
    assert panel is not None
    spec = {key: value for key, value in panel.spec.items() if key != "_target_"}
    shared = {key: value for key, value in spec.items() if key not in ("dtype", "quantization")}
    examples = [example for example in dataset.test if example.label and example.reference]
    step = max(1, len(examples) // n_questions)
    requests = [Request(str(example.label), example.query) for example in examples[::step][:n_questions]]

    plain = LoraExperts(**spec).load()
    expected, rate = plain_loop(plain, requests)
    print(f"{'plain loop, float32':32} {rate:6.1f} tokens/s, {len(requests)} questions", flush=True)
    variants: dict[str, LocalModels] = {
        "torch, float32": LoraExperts(**spec),
        "torch, float32, all mixed": Mixed(**spec),
        "torch, bfloat16": LoraExperts(**{**spec, "dtype": "bfloat16"}),
        "torch, NF4": LoraExperts(**{**spec, "quantization": "nf4"}),
        "onnx": OnnxExperts(**shared),
        "onnx_int8": OnnxExperts(**shared, int8=True),
    }
    for name, experts in variants.items():
        experts.load()
        start = perf_counter()
        answers = experts.answers(requests)
        fast = sum(answer.tokens or 0 for answer in answers) / (perf_counter() - start)
        equal = sum(answer.text == text for answer, text in zip(answers, expected, strict=True))
        print(
            f"{name:32} {fast:6.1f} tokens/s, × {fast / rate:.1f}, {equal} of {len(requests)} answers equal"
        )
        sys.stdout.flush()
    print(f"adapter swap, median of {SWAPS}: {1000 * median(swap_seconds(plain)):.2f} ms")


def plain_loop(experts: LoraExperts, requests: Sequence[Request]) -> tuple[list[str], float]:
    """What one would write first: the answers, and tokens a second."""
    import torch

    (base,) = experts._bases.values()
    answers, tokens = [], 0
    start = perf_counter()
    for request in requests:
        text = prompt.render(base.tokenizer, experts.instruction(request.domain), request.question)
        encoded = base.tokenizer(text, add_special_tokens=False, return_tensors="pt")
        base.network.set_adapter(base.names[request.domain])
        with torch.inference_mode():
            generated = base.network.generate(
                **encoded,
                do_sample=False,
                max_new_tokens=experts.max_new_tokens,
                eos_token_id=base.end_of_turn,
            )
        new = generated[0, encoded["input_ids"].shape[1] :]
        tokens += len(new)
        answers.append(base.tokenizer.decode(new, skip_special_tokens=True).strip())
    return answers, tokens / (perf_counter() - start)


def swap_seconds(experts: LoraExperts) -> list[float]:
    """From one adapter to the other and back, each way on its own."""
    (base,) = experts._bases.values()
    names = sorted(base.names.values())
    seconds = []
    for turn in range(SWAPS):
        start = perf_counter()
        base.network.set_adapter(names[turn % len(names)])
        seconds.append(perf_counter() - start)
    return seconds


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 64)
