"""Figures of a league: score against latency on each data set, with the Pareto front."""

import re

from reports.comparison.figures.accuracy_latency import draw_accuracy_latency
from reports.comparison.figures.style import styled
from reports.comparison.model import Figure
from reports.league.model import League
from reports.league.records import shown_on

_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def draw_league(league: League) -> list[Figure]:
    """One a data set on which a latency was measured."""
    figures: list[Figure] = []
    with styled():
        for number, dataset in enumerate(league.datasets, start=1):
            # The number keeps names apart that differ in what no file's name should have.
            name = f"{number}_{_NO_NAME.sub('-', dataset.name)}"
            title = f"{league.metrics[dataset.score].title} against latency: {dataset.name}"
            figure = draw_accuracy_latency(shown_on(dataset, league), name, title, dataset.score)
            if figure:
                figures.append(figure)
    return figures
