"""Entries of a league as the figures and conditions of a comparison take them: as records, without rows."""

from pathlib import Path

from reports.comparison.figures.style import Shown, short, shown
from reports.league.model import DatasetResults, Entry, League
from reports.record import Derivation, Record
from reports.record_files import Result


def record_of(entry: Entry, league: League) -> Record:
    """A record with the entry's figures and conditions alone."""
    return Record(
        router=entry.contestant,
        family=entry.family,
        config={},
        provenance=entry.provenance,
        derivation=Derivation([], league.seed, league.statistics),
        metrics=entry.metrics,
        unscored=entry.unscored,
    )


def shown_on(dataset: DatasetResults, league: League) -> list[Shown]:
    """The contestants of a data set in the order of the standings, each with its pen, which is the same on
    every data set."""
    everywhere = {entry.contestant: record_of(entry, league) for entry in league.entries}
    order = [one.contestant for one in league.standings if one.contestant in everywhere]
    pens = {
        one.name: one.pen for one in shown({name: Result(Path(), everywhere[name], []) for name in order})
    }
    entries = [entry for name in order if (entry := dataset.entry(name))]
    return [
        Shown(
            one.contestant,
            short(one.contestant),
            record_of(one, league),
            pens[one.contestant],
            frozenset(one.beats) if dataset.pairs else None,
        )
        for one in entries
    ]
