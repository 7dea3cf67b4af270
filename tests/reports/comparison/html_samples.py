"""Reports made by hand, as rich and as bare as they come."""

import hashlib
from dataclasses import replace
from pathlib import Path

from reports.comparison.model import (
    Cell,
    Choice,
    Column,
    Figure,
    Question,
    Report,
    Row,
    Skipped,
    Table,
    Verdict,
)

HOSTILE = (
    "</script><script>alert('1')</script><img src=\"https://evil.example/x.png\" onerror=alert(2)> & {{ 7 }}"
)
ROUTERS = [
    "knn",
    "centroid",
    "tinyllama",
    "cascade_tfidf_then_tinyllama_1.1b_chat_lora_r8",
    "majority",
    "random",
]
NOT_MEASURED = "speed was not measured in this run: measure=false"
NO_EXPERTS = "no experts were asked: experts=none"
SVG = """<?xml version="1.0" encoding="utf-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}pt" height="252pt" viewBox="0 0 {width} 252" \
xmlns="http://www.w3.org/2000/svg" version="1.1" font-family="sans-serif">
 <metadata><rdf:RDF xmlns:cc="http://creativecommons.org/ns#"><cc:Work/></rdf:RDF></metadata>
 <defs><path id="{name}-dot" d="M -4 0 L 4 0 L 0 6 z" style="stroke: #1f2328"/></defs>
 <path d="M 40 12 L 40 220 L {end} 220" style="fill: none; stroke: #1F2328; stroke-width: 0.8"/>
 <use xlink:href="#{name}-dot" x="120" y="60" style="fill: #0b7285"/>
 <use xlink:href="#{name}-dot" x="220" y="90" style="fill: #c2410c"/>
 <text x="60" y="240" style="font-size: 10px; fill: #1f2328">latency in ms</text>
</svg>
"""


def picture(name: str, title: str, width: int = 360) -> Figure:
    svg = SVG.replace("{name}", name).replace("{width}", str(width)).replace("{end}", str(width - 20))
    return Figure(
        name,
        title,
        caption=f"{title}, with 95 % intervals, 200 questions. Up and to the left is better.",
        alt=f'{title}: knn has the highest accuracy & "nearly" the lowest latency.',
        svg=svg,
        png=b"",
    )


def comparison() -> Table:
    columns = [
        Column("accuracy", "accuracy", "%", "Share of questions that went to the right domain."),
        Column("overlap", "overlap", "%", "The same on questions that sound like the other domain."),
        Column("latency", "p50", "ms", "Median time from text to decision, one question at a time."),
        Column("p95", "p95", "ms", "19 of 20 questions were faster."),
        Column("memory", "memory", "MB", "Largest resident memory of a fresh process."),
        Column("disk", "disk", "MB", "Weights and index."),
        Column("rouge", "ROUGE-L of the answers", "%", "Overlap of the answers with the reference."),
    ]
    rows = []
    for place, router in enumerate(ROUTERS):
        accuracy = 98.5 - 9.7 * place
        cells = [
            Cell(
                f"{accuracy:.1f} [{accuracy - 2:.1f}, {accuracy + 1:.1f}]",
                accuracy,
                accuracy - 2,
                accuracy + 1,
                best=not place,
            ),
            Cell(f"{accuracy - 6:.1f} [{accuracy - 12:.1f}, {accuracy:.1f}]", accuracy - 6),
            Cell(f"{4.31 * (place + 1):.2f}", 4.31 * (place + 1)),
            Cell(f"{6.02 * (place + 1):.2f}", 6.02 * (place + 1)),
            Cell(f"{245 + 170 * place}", 245.0 + 170 * place),
            Cell(f"{91.7 + place:.1f}", 91.7 + place),
            Cell(f"{21.4 - place:.1f}", 21.4 - place),
        ]
        if place == 3:
            cells[2:6] = [Cell("–", why=NOT_MEASURED)] * 4
            cells[6] = Cell("–", why=NO_EXPERTS)
        rows.append(Row(router, cells, note="baseline" if place > 3 else ""))
    return Table(
        "comparison",
        "Six routers on the same 200 questions",
        columns,
        rows,
        "Best first by accuracy, baselines last. In brackets the 95 % interval.",
    )


def families() -> Table:
    columns = [
        Column("router", "best of its kind"),
        Column("accuracy", "accuracy", "%", "As above."),
        Column("latency", "p50", "ms"),
    ]
    rows = [
        Row(
            "embedding router", [Cell("knn"), Cell("98.5 [96.5, 99.5]", 98.5), Cell("4.31", 4.31, best=True)]
        ),
        Row("classifier", [Cell("tinyllama"), Cell("79.1 [77.1, 80.1]", 79.1), Cell("47.2", 47.2)]),
    ]
    return Table("families", "Classifier or embedding router?", columns, rows)


def further() -> list[Table]:
    domains = ["car", "sleep", "a domain with <b>markup</b> & a name that goes on for quite a while"]
    columns = [Column(domain, domain, "%") for domain in domains]
    rows = [Row(router, [Cell(f"{90 - n}.0", 90.0 - n) for n in range(3)]) for router in ROUTERS]
    pairs = [
        Row(
            f"{first} against {second}",
            [Cell("+3.0 [+0.5, +5.5]", 3.0), Cell("0.012", 0.012), Cell("better beyond chance")],
        )
        for first in ROUTERS[:2]
        for second in ROUTERS[2:5]
    ]
    told = [
        Column("difference", "difference", "points", "Accuracy of the first minus that of the second."),
        Column("p", "p", about="McNemar's exact test after Holm's correction."),
        Column("verdict", "verdict"),
    ]
    return [
        Table("domains", "Recall by domain", columns, rows),
        Table("pairs", "Every two routers", told, pairs, "On the same questions, paired."),
    ]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def method() -> list[Table]:
    conditions = {
        "Machine": "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz, 2 cores, 8.3 GB, no GPU",
        "Commit": "6a3364f0d6e1b2c3d4e5f60718293a4b5c6d7e8f, with uncommitted changes",
        "Latency": "one question at a time, 20 to warm up, 200 timed, three processes a router in turn",
        "Packages": "torch 2.9.1, transformers 5.0.0, onnxruntime 1.23.2, scikit-learn 1.7.2, numpy 2.3.5",
    }
    weights = [
        Row(router, [Cell(f"model-{router}/model.safetensors"), Cell(sha256(router)), Cell("90.9", 90.9)])
        for router in ROUTERS[:4]
    ]
    return [
        Table(
            "conditions",
            "Conditions",
            [Column("value", "how")],
            [Row(name, [Cell(value)]) for name, value in conditions.items()],
        ),
        Table(
            "weights",
            "Weights",
            [Column("file", "file"), Column("sha256", "SHA-256"), Column("size", "size", "MB")],
            weights,
        ),
    ]


CAR = "Bring the engine to temperature, then look at the belt: a squeal that goes soon is a worn belt. "
SLEEP = (
    "Keep the same hour every morning and leave the screen outside the bedroom for two weeks before judging. "
)
ASKED = [
    "My battery is flat every morning, what drains it while I sleep?",
    "It coughs once every couple of minutes when sat in traffic, like it's clearing its throat, "
    "otherwise pulls fine. Fiesta 1.25.",
    "I can't switch off at night",
    "How long should a nap be before a long drive?",
]


def questions(count: int, answers: bool = True) -> list[Question]:
    found = []
    for n in range(count):
        label = None if n % 25 == 24 else ("car", "sleep")[n % 2]
        choices = []
        for place, router in enumerate(ROUTERS):
            predicted = ("car", "sleep")[(n + (n * 7 + place * place) % 5 // 3) % 2]
            choices.append(
                Choice(
                    router,
                    predicted,
                    right=None if label is None else predicted == label,
                    probability=0.5 + (n * 13 + place) % 50 / 100,
                    confidence=0.2 + (n * 17 + place) % 70 / 100,
                    answer={"car": CAR * 2, "sleep": SLEEP * 2}[predicted] if answers else None,
                    expert=predicted if answers else None,
                )
            )
        query = HOSTILE if n == 3 else f"{ASKED[n % len(ASKED)]} ({n + 1})"
        kind = "out_of_scope" if label is None else "overlap" if n % 6 == 0 else "standard"
        reference = CAR + SLEEP if answers and label else None
        found.append(Question(f"q-{n:04d}-03cedfa7", query, label, kind, reference, choices))
    return found


def rich_report(count: int = 300) -> Report:
    return Report(
        dataset="car_sleep",
        interval="95 % interval",
        facts=[
            "200 test questions in 2 domains, 100 out of scope",
            "6 routers",
            "2 threads, Intel Xeon Platinum 8481C",
            "commit 6a3364f",
        ],
        notices=["Two results were measured on another machine; their timings cannot be compared."],
        verdict=Verdict(
            "knn",
            "Take knn: it is right on 98.5 % of the questions [96.5, 99.5] and answers in 4.3 ms, eleven "
            "times as fast as tinyllama, which is no better.",
            evidence=[
                "More accurate than centroid by 9.7 points [6.0, 13.5], p<0.001.",
                "The lowest latency of those above 95 %.",
                "Needs 245 MB of memory, a quarter of tinyllama's.",
                "Its answers score as high: ROUGE-L 21.4 %.",
            ],
            doubts=[
                "Only 40 overlap questions: 92.5 % [86.5, 98.5].",
                "Its confidence is poorly calibrated: ECE 8.2 %.",
            ],
        ),
        comparison=comparison(),
        tables=[further()[0], families(), further()[1]],
        figures=[
            picture("latency", "Accuracy against latency", width=620),
            picture("calibration", "Calibration"),
            picture("coverage", "Risk and coverage"),
            picture("learning", "Learning curve"),
        ],
        questions=questions(count),
        n_questions=max(count, 500),
        method=method(),
        skipped=[
            Skipped(Path("/somewhere/outputs/run/2026-01-02_03-04-05_knn"), "other test questions"),
            Skipped(Path("/somewhere/outputs/run/2026-01-02_03-04-06_svm"), "record.json is <cut>"),
        ],
    )


def bare_report() -> Report:
    """Nothing but what cannot be missing."""
    rich = rich_report(0)
    return replace(
        rich,
        facts=[],
        notices=[],
        verdict=Verdict("knn", "There is only knn.", [], []),
        comparison=Table(
            "comparison", "One router", [Column("accuracy", "accuracy")], [Row("knn", [Cell("–")])]
        ),
        tables=[],
        figures=[],
        method=[],
        skipped=[],
    )
