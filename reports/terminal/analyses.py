"""What a run printed beyond one figure a metric: thresholds, robustness, learning curve, cost and quality."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from reports.record import Record
from reports.terminal.console import columns, percent, plain, table
from reports.text.statistics import interval_words

FLIPS = "flips_"
# What becomes of a question that is not accepted, where it is not a domain that gets it.
_REST = {"abstain": "the rest are not answered", "best_guess": "the rest go to the best guess all the same"}


def depth_tables(records: Sequence[Record]) -> Iterator[Table]:
    """Tables for what the first record has besides; the others stand beside it where they have it too."""
    chosen = records[0]
    with_costs = [record for record in records if record.metric("apgr") or record.metric("aiq")]
    if with_costs:
        yield _costs(with_costs)
    if "thresholds" in chosen.analyses:
        yield _thresholds(chosen)
    if chosen.metric("subset_accuracy"):
        yield _several_labels([record for record in records if record.metric("subset_accuracy")])
    if any(metric.name.startswith(FLIPS) for metric in chosen.metrics):
        yield _robustness(chosen)
    if "learning_curve" in chosen.analyses:
        yield _learning_curve(chosen)


def depth_lines(record: Record) -> Iterator[str]:
    """One line each for the guard's finds, the settings that were chosen and how an encoder changed."""
    dropped = record.analyses.get("guard", {}).get("dropped")
    if dropped:
        yield f"guard: {dropped} questions to learn from left out, too close to a test question"
    tuning = record.analyses.get("tuning")
    if tuning:
        chosen = ", ".join(f"{name}={value}" for name, value in tuning["chosen"].items())
        yield f"tuned by {tuning['folds']}-fold cross-validation on the training questions: {chosen}"
    for part, learned in _encoders(record.analyses.get("learned", {})):
        before, after = learned["before"]["different_class"], learned["after"]["different_class"]
        held_out = "held-out" if learned["held_out"] else "TRAINING"
        yield (
            f"{part}encoder fine-tuned with {learned['loss']}: mean cosine between domains {before:.2f} -> "
            f"{after:.2f}, within {learned['before']['same_class']:.2f} -> "
            f"{learned['after']['same_class']:.2f} "
            f"({learned['n_texts']} {held_out} questions){'; COLLAPSED' if learned['collapsed'] else ''}"
        )
    if line := policy_line(record):
        yield line
    sent_on = record.metric("sent_on")
    if sent_on:
        yield f"{record.router} sent {percent(sent_on)} % of the questions on to its expensive router"


def policy_line(record: Record) -> str | None:
    """What the policy's threshold accepts of the test, and who gets the rest; None without a threshold."""
    coverage = record.metric("coverage")
    if coverage is None:
        return None
    policy = record.derivation["policy"]
    line = (
        f"{record.router} with threshold {policy['threshold']:.3g} by {policy['score']} accepts "
        f"{percent(coverage)} % of the questions with a domain"
    )
    if accepted := record.metric("selective_accuracy"):
        line += f", {percent(accepted)} % of them right"
    if refused := record.metric("out_of_scope_recall", "out_of_scope"):
        line += f", and refuses {percent(refused)} % of those out of scope"
    fallback = policy["fallback"]
    return f"{line}; {_REST.get(fallback, f'the rest go to {fallback}')}"


def _encoders(learned: dict[str, Any], part: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """What was learned of encoders, also by the parts of a router made of routers."""
    for name, value in learned.items():
        if name == "learned_encoder":
            yield part, value
        elif isinstance(value, dict):
            yield from _encoders(value, f"{part}{name}: ")


def _costs(records: Sequence[Record]) -> Table:
    first = records[0]
    names = first.analyses["cost_quality"]
    title = "Cost and quality"
    if "weak" in names:
        title += f", {short(names['weak'])} or {short(names['strong'])}"
    shown = table(f"{title} [{interval_words(records)}]")
    columns(
        shown, "router", ["APGR", "calls for\n50 % in %", "80 %", "AIQ", "quality in %", "cost\nUSD/M tokens"]
    )
    for record in records:
        shown.add_row(record.router, *_cost_row(record, "", interval=True))
    shown.add_section()
    for policy, title in (("_oracle", "oracle"), ("_random", "random")):
        shown.add_row(title, *_cost_row(first, policy))
    for model in names.get("models", {}):
        shown.add_row(f"always {short(model)}", *_cost_row(first, f"_always:{model}"))
    return shown


def short(model: str) -> str:
    """Without the owner that a name on the hub begins with."""
    return model.rpartition("/")[2]


def _cost_row(record: Record, policy: str, interval: bool = False) -> list[str]:
    return [
        percent(record.metric(f"apgr{policy}"), interval=interval),
        percent(record.metric(f"calls_for_50{policy}")),
        percent(record.metric(f"calls_for_80{policy}")),
        percent(record.metric(f"aiq{policy}")),
        percent(record.metric(f"quality{policy}")),
        plain(record.metric(f"cost{policy}"), 2),
    ]


def _thresholds(record: Record) -> Table:
    shown = table(
        f"{record.router}: thresholds chosen on held-out questions, and what they do on the test, in %"
    )
    columns(shown, "wanted", ["threshold", "coverage", "accuracy\naccepted", "o.o.s.\nrefused"])
    for row in distinct_thresholds(record):
        obtained = row["obtained"]
        shown.add_row(
            wanted(row["asked"]),
            f"{row['threshold']:.3f}",
            _share(obtained.get("coverage")),
            _share(obtained.get("selective_accuracy")),
            _share(obtained.get("out_of_scope_recall")).partition(" ")[0],
        )
    return shown


def distinct_thresholds(record: Record) -> list[dict[str, Any]]:
    """What was wanted and obtained; the policy's own wish may be one of the usual ones."""
    found: list[dict[str, Any]] = []
    for row in record.analyses.get("thresholds", ()):
        if row["asked"] not in [other["asked"] for other in found]:
            found.append(row)
    return found


def wanted(asked: Mapping[str, Any]) -> str:
    """What a threshold was chosen for, in percent."""
    name = next(name for name in ("coverage", "accuracy") if asked.get(name) is not None)
    return f"{name} {100 * asked[name]:.0f} by {asked['score']}"


def _share(values: Sequence[float | None] | None) -> str:
    """Value and interval of a share, as `selective` recorded them."""
    if values is None:
        return "–"
    value, low, high = (f"{100 * (part or 0):.1f}" for part in values)
    return f"{value} [{low}, {high}]"


def _several_labels(records: Sequence[Record]) -> Table:
    sure = interval_words(records)
    shown = table(f"Several domains a question, in %: the set of those that score enough [{sure}]")
    names = ("exact set", "Jaccard", "micro-F1", "recall", "precision", "overlap:\nexact set")
    columns(shown, "router", names)
    for record in records:
        shown.add_row(
            record.router,
            percent(record.metric("subset_accuracy"), interval=True),
            *(
                percent(record.metric(name))
                for name in ("jaccard", "micro_f1", "label_recall", "label_precision")
            ),
            percent(record.metric("subset_accuracy", "overlap")),
        )
    return shown


def _robustness(record: Record) -> Table:
    sure = interval_words([record])
    shown = table(f"{record.router}, the same questions changed, in % [{sure}]")
    columns(shown, "change", ["decisions that flip", "accuracy"])
    shown.add_row("none", "", percent(record.metric("accuracy"), interval=True))
    for metric in record.metrics:
        if metric.name.startswith(FLIPS):
            kind = metric.name.removeprefix(FLIPS)
            accuracy = record.metric(f"accuracy_{kind}")
            shown.add_row(kind, percent(metric, interval=True), percent(accuracy, interval=True))
    return shown


def clipped(share: float | None) -> float | None:
    """Within [0, 1]: Student's t interval of a few draws can reach beyond what a share can be."""
    return None if share is None else min(max(share, 0.0), 1.0)


def _learning_curve(record: Record) -> Table:
    # Whatever the other intervals are: `benchmarks.experiment.learning_curve` takes these.
    shown = table(f"{record.router}, fewer training questions, in % [95 % interval]")
    columns(shown, "a domain", ["in all", "draws", "accuracy"])
    for point in record.analyses["learning_curve"]:
        low, high = clipped(point["ci_low"]), clipped(point["ci_high"])
        interval = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
        shown.add_row(
            str(point["per_domain"]),
            str(point["n_train"]),
            str(len(point["values"])),
            f"{100 * point['accuracy']:.1f}{interval}",
        )
    return shown
