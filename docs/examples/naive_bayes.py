"""A contestant in Python's standard library alone: naive Bayes on words.

Copy it and put your own router in place of `fit` and `route`; see docs/your-router.md.
"""

import json
import math
import re
import sys
from collections import Counter
from pathlib import Path


def words(text):
    return re.findall(r"\w+", text.lower())


def fit(rows):
    """Return how often each domain has each word, its number of words, and that of different ones."""
    counts = {}
    for row in rows:
        counts.setdefault(row["domain"], Counter()).update(words(row["query"]))
    totals = {domain: sum(of.values()) for domain, of in counts.items()}
    return {"counts": counts, "totals": totals, "known": len(set().union(*counts.values())) + 1}


def route(model, query):
    """Return a score by domain: none below 0, their sum does not matter."""
    asked = words(query)
    logs = {}
    for domain, counts in model["counts"].items():
        total = model["totals"][domain] + model["known"]
        logs[domain] = sum(math.log((counts.get(word, 0) + 1) / total) for word in asked)
    best = max(logs.values())
    return {domain: math.exp(log - best) for domain, log in logs.items()}


model = {}
for line in sys.stdin:
    message = json.loads(line)
    if "fit" in message:
        model = fit(message["fit"])
        Path(message["folder"], "model.json").write_text(json.dumps(model, sort_keys=True))
        answer = {"ok": True}
    elif "load" in message:
        model = json.loads(Path(message["load"], "model.json").read_text())
        answer = {"ok": True}
    else:
        answer = [route(model, query) for query in message["route"]]
    # One line a message, at once. Anything else goes to sys.stderr.
    print(json.dumps(answer), flush=True)
