"""Records of schema 2 as later schemas have them, which differ in what they have alone: nothing is computed
anew, only put where it stands now."""

from typing import Any

READABLE = (2, 3, 4, 5)

# Sections of schema 2's `analyses` that are curves now.
_CURVES = ("reliability", "risk_coverage", "cost_quality")


def migrated(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a record.json of any readable version, in the shape of the newest; it keeps the
    `schema_version` that it was written with."""
    return _from_2(content) if content["schema_version"] == 2 else content


def _from_2(content: dict[str, Any]) -> dict[str, Any]:
    analyses = dict(content["analyses"])
    curves = {name: analyses.pop(name) for name in _CURVES if name in analyses}
    if "guard" in analyses:
        analyses["leakage"] = analyses.pop("guard")
    if "tuning" in analyses:
        analyses["tuning"] = {**analyses["tuning"], "tried": [*map(_candidate, analyses["tuning"]["tried"])]}
    if "thresholds" in analyses:
        analyses["thresholds"] = [*map(_threshold, analyses["thresholds"])]
    return {
        **content,
        "unscored": [
            {**one, "reason": "as_recorded", "details": {"text": one["reason"]}}
            for one in content["unscored"]
        ],
        "comparisons": [{**one, "verdict": _verdict(one.get("verdict"))} for one in content["comparisons"]],
        "analyses": analyses,
        "curves": migrated_curves(curves),
    }


def migrated_curves(curves: dict[str, Any]) -> dict[str, Any]:
    """Curves of schema 2 as schema 3 has them."""
    curves = dict(curves)
    if "reliability" in curves:
        curves["reliability"] = [
            [one["probability"], one["accuracy"], one["n"]] for one in curves["reliability"]
        ]
    if "risk_coverage" in curves:
        curves["risk_coverage"] = {
            score: [[one["threshold"], one["coverage"], one["risk"]] for one in points]
            for score, points in curves["risk_coverage"].items()
        }
    return curves


def _candidate(tried: dict[str, Any]) -> dict[str, Any]:
    scores = {name: tried[name] for name in ("score", "log_likelihood")}
    return {"settings": {key: value for key, value in tried.items() if key not in scores}, **scores}


def _threshold(row: dict[str, Any]) -> dict[str, Any]:
    obtained = {
        name: dict(zip(("value", "ci_low", "ci_high"), values, strict=True))
        for name, values in row["obtained"].items()
    }
    return {"wish": row["asked"], "threshold": row["threshold"], "obtained": obtained}


def _verdict(words: str | None) -> str | None:
    return words if words in (None, "better", "worse") else "cannot_tell"
