"""Reports made by hand, as rich and as bare as they come."""

from dataclasses import replace
from html import escape

from reports.comparison.model import Choice, Figure, Question, Recommendation, Report, state
from reports.comparison.sentences import Code
from reports.reasons import Reason
from reports.record import Unscored
from reports.table import Cell, Column, Row, Table
from tests.reports.comparison.samples import answered_report

HOSTILE = (
    "</script><script>alert('1')</script><img src=\"https://evil.example/x.png\" onerror=alert(2)> & {{ 7 }}"
)
_GAP = Cell(missing=Unscored("cuda_peak", Reason.NO_CUDA_DEVICE))
GAPS = Table("a", "Gaps", [Column("cuda_peak", "GPU memory")], [Row("knn", [_GAP]), Row("svm", [_GAP])])
ROUTERS = [
    "knn",
    "centroid",
    "tinyllama",
    "cascade_tfidf_then_tinyllama_1.1b_chat_lora_r8",
    "majority",
    "random",
]
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 252" width="{width}" height="252" \
role="img" focusable="false" aria-label="{alt}">
 <defs><path id="{name}-dot" d="M -4 0 L 4 0 L 0 6 z" stroke="#1f2328"/></defs>
 <path d="M 40 12 L 40 220 L {end} 220" fill="none" stroke="#1f2328"/>
 <use href="#{name}-dot" x="120" y="60" fill="#0b7285"/>
 <text x="60" y="240" fill="#1f2328">latency in ms</text>
</svg>
"""


def picture(name: str, title: str, width: int = 360) -> Figure:
    alt = f'{title}: knn has the highest accuracy & "nearly" the lowest latency.'
    filled = {"name": name, "width": str(width), "end": str(width - 20), "alt": escape(alt)}
    svg = SVG
    for key, value in filled.items():
        svg = svg.replace(f"{{{key}}}", value)
    caption = f"{title}, with 95 % intervals, 200 questions. Up and to the left is better."
    return Figure(name, title, caption, alt, svg, png=b"")


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
    """With pictures, `count` questions of the `ROUTERS` and something to know first."""
    report = answered_report()
    return replace(
        report,
        notices=[state(Code.UNCOMMITTED_RUNS, routers=["knn", "tinyllama"])],
        figures=[
            picture("latency", "Accuracy against latency", width=620),
            picture("calibration", "Calibration"),
        ],
        questions=questions(count),
        n_questions=max(count, 500),
    )


def bare_report() -> Report:
    """Nothing but what cannot be missing."""
    columns = [Column("accuracy", "accuracy")]
    return replace(
        rich_report(0),
        facts=[],
        notices=[],
        recommendation=Recommendation("knn", state(Code.ONLY_ROUTER, router="knn"), [], []),
        comparison=Table("comparison", "Routers compared", columns, [Row("knn", [Cell()])]),
        tables=[],
        figures=[],
        method=[],
        skipped=[],
    )
