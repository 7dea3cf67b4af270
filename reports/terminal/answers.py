"""What the experts' answers were worth: each router's choices between the policies that give them meaning."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from reports.record import Record
from reports.terminal.console import columns, harmless, percent, table
from reports.text.statistics import interval_words

ALWAYS = "rougeL_always:"
MOST_DOMAINS = 4


def answers_table(records: Sequence[Record]) -> Table:
    """ROUGE of the routed answers, a row a router, below the right choice and above the blind ones."""
    first = records[0]
    total = first.metric("rougeL_oracle") or first.metric("rougeL")
    shown = table(
        f"Answers: ROUGE F1 × 100, {total.n if total else 0} questions with a reference "
        f"[{interval_words(records)}]"
    )
    columns(shown, "experts chosen by", ["ROUGE-1", "ROUGE-2", "ROUGE-L", "regret (ROUGE-L)"])
    shown.add_row("oracle (the right one)", *_figures(first, "_oracle"), "")
    for record in records:
        regret = percent(record.metric("rougeL_regret"), interval=True)
        shown.add_row(harmless(record.router), *_figures(record, ""), regret)
    shown.add_section()
    shown.add_row("chance (each alike)", *_figures(first, "_random"), "")
    for domain in domains(first):
        shown.add_row(harmless(f"always:{domain}"), *_figures(first, f"_always:{domain}"), "")
    shown.add_row("base (no adapter)", *_figures(first, "_base"), "")
    return shown


def experts_table(record: Record) -> Table:
    """Is the right expert really better? ROUGE-L of each expert on each domain's questions."""
    names = domains(record)
    few = len(names) <= MOST_DOMAINS
    # Columns for many domains would not fit; the figures are in the record.
    columns_shown = names if few else []
    shown = table(f"Experts: ROUGE-L × 100 by domain of the question [{interval_words([record])}]")
    columns(shown, "expert", [*map(harmless, columns_shown or ["its own domain"]), "right − wrong"])
    for domain in names:
        cells = [
            percent(record.metric(f"{ALWAYS}{domain}", label), interval=True)
            for label in columns_shown or [domain]
        ]
        shown.add_row(harmless(domain), *cells, percent(record.metric("rougeL_gain", domain), interval=True))
    cells = [
        percent(record.metric("rougeL_base", label), interval=True) for label in columns_shown or ["all"]
    ]
    shown.add_row("base (no adapter)", *cells, "")
    return shown


def answering_lines(record: Record) -> Iterator[str]:
    """What an answer took, generation and routing apart; how many are missing."""
    seconds, rate = record.metric("generation_time"), record.metric("generation_throughput")
    routing, answered = record.metric("latency_p50"), record.metric("answered")
    if seconds:
        speed = f", {rate.value:.0f} tokens/s" if rate else ""
        latency = f"; routing {routing.value:.2f} ms" if routing else ""
        yield f"{record.router}, an answer: {seconds.value:.2f} s in a batch{speed}{latency}"
    if answered and answered.value < 1:
        missing = round((1 - answered.value) * answered.n)
        yield f"{record.router}: {missing} of {answered.n} answers are missing; predictions.jsonl says why"


def _figures(record: Record, policy: str) -> list[str]:
    return [
        percent(record.metric(f"{measure}{policy}"), interval=measure == "rougeL")
        for measure in ("rouge1", "rouge2", "rougeL")
    ]


def domains(record: Record) -> list[str]:
    """Those that an expert stands for."""
    names = [metric.name for metric in record.metrics if metric.slice == "all"]
    return [name.removeprefix(ALWAYS) for name in names if name.startswith(ALWAYS)]
