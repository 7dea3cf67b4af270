"""Figures of a league: score against latency on each data set, with the Pareto front."""

import re
from dataclasses import replace

from reports.comparison.figures.accuracy_latency import draw_accuracy_latency
from reports.comparison.figures.style import plain, styled
from reports.comparison.model import Figure
from reports.league.model import League
from reports.league.records import shown_on
from reports.text.cells import listed

_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def draw_league(league: League) -> list[Figure]:
    """One a data set on which a latency was measured. Whoever is not worth having is left out: all
    others would be too near to each other to be told apart."""
    figures: list[Figure] = []
    with styled():
        for number, dataset in enumerate(league.datasets, start=1):
            # The number keeps names apart that differ in what no file's name should have.
            name = f"{number}_{_NO_NAME.sub('-', dataset.name)}"
            title = f"{league.metrics[dataset.score].title} against latency: {dataset.name}"
            routers = shown_on(dataset, league)
            poor = [router.name for router in routers if dataset.is_worthless(router.name)]
            drawn = [router for router in routers if router.name not in poor]
            figure = draw_accuracy_latency(drawn, name, title, dataset.score)
            if figure:
                words = (
                    f" Left out, as no better than the best constant: {plain(listed(poor))}." if poor else ""
                )
                figures.append(replace(figure, caption=figure.caption + words))
    return figures
