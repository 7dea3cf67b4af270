"""Reasons for a missing figure: a code with its details in a record, a sentence where somebody reads it."""

from collections.abc import Mapping
from enum import StrEnum

Details = Mapping[str, str | int | float]


class Reason(StrEnum):
    """Code in a file that other tools read, such as `record.json`, or of `verify`."""

    NOT_MEASURED = "not_measured"
    NO_CUDA_DEVICE = "no_cuda_device"
    NO_SUCH_STAGE = "no_such_stage"
    NO_ROWS = "no_rows"
    DIVISION_BY_ZERO = "division_by_zero"
    NO_LABELLED_ROW = "no_labelled_row"
    NO_OUT_OF_SCOPE_ROW = "no_out_of_scope_row"
    NOTHING_ACCEPTED = "nothing_accepted"
    ACCURACY_NOT_SHOWN = "accuracy_not_shown"
    # Of records before schema 5.
    THRESHOLD_OUT_OF_REACH = "threshold_out_of_reach"
    UNTRAINED_WEIGHTS = "untrained_weights"
    TRAINING_SKIPPED = "training_skipped"
    FITTED_UNTIMED = "fitted_untimed"
    NO_OUTCOMES = "no_outcomes"
    OUTCOME_MISSING = "outcome_missing"
    NOT_AMONG_OUTCOMES = "not_among_outcomes"
    NO_PRICE = "no_price"
    NOTHING_TO_DEFER_TO = "nothing_to_defer_to"
    NO_GAP = "no_gap"
    ONE_PRICE = "one_price"
    NEVER_AS_GOOD = "never_as_good"
    NO_COST = "no_cost"
    NO_REFERENCE = "no_reference"
    # Of records up to schema 4.
    NOBODY_ASKED = "nobody_asked"
    NO_ANSWER = "no_answer"
    NOT_ANSWERED = "not_answered"
    ANSWERS_CACHED = "answers_cached"
    # Of a league: figures over all data sets.
    NOT_ON_EVERY_DATASET = "not_on_every_dataset"
    # Of growth: axes, points and exponents.
    READS_NO_QUESTION = "reads_no_question"
    TRAINED_TOO_LONG = "trained_too_long"
    TOO_FEW_TEXTS = "too_few_texts"
    TOO_FEW_CORES = "too_few_cores"
    PROCESS_ENDED = "process_ended"
    TOO_FEW_POINTS = "too_few_points"
    # Of verify: parts that were not derived.
    NO_RESULT = "no_result"
    OTHER_QUESTIONS = "other_questions"
    OLDER_SCHEMA = "older_schema"
    OTHER_LOADER = "other_loader"
    ON_HUB = "on_hub"
    OTHER_FILE = "other_file"
    ONE_SIDE = "one_side"
    # Whatever refused it says so in `error`.
    REFUSED = "refused"
    # A sentence of an older record, in `text`.
    AS_RECORDED = "as_recorded"


_SENTENCES = {
    Reason.NOT_MEASURED: "measure.enabled=false: neither speed nor memory was measured",
    Reason.NO_CUDA_DEVICE: "no CUDA device was used",
    Reason.NO_SUCH_STAGE: "this router has no such stage",
    Reason.NO_ROWS: "no test question to compute it from",
    Reason.DIVISION_BY_ZERO: "undefined: division by zero",
    Reason.NO_LABELLED_ROW: "no test question with a domain",
    Reason.NO_OUT_OF_SCOPE_ROW: "no out-of-scope test question",
    Reason.NOTHING_ACCEPTED: "the threshold accepts no test question",
    Reason.ACCURACY_NOT_SHOWN: (
        "no threshold of {score} can be shown to have an accuracy of {accuracy} with probability "
        "{confidence_level} on the {n} held-out questions: the highest that can is {best:.4g}, from "
        "{threshold:.4g} on, where {right} of {accepted} are right; without a mistake {fewest} would do"
    ),
    Reason.THRESHOLD_OUT_OF_REACH: (
        "no threshold of {score} has an accuracy of {accuracy} on the {n} held-out questions: "
        "the best is {best:.4g}, from {threshold:.4g} on"
    ),
    Reason.UNTRAINED_WEIGHTS: (
        "{weights} has random values in place of trained ones: its choices mean nothing, only speed, memory "
        "and disk do"
    ),
    Reason.TRAINING_SKIPPED: "untrained weights learn nothing: training was skipped",
    Reason.FITTED_UNTIMED: "fitted with sentence vectors from the cache, or beside other work: not timed",
    Reason.NO_OUTCOMES: "the test questions have no outcomes of models",
    Reason.OUTCOME_MISSING: "question {id} has no outcome of {model}",
    Reason.NOT_AMONG_OUTCOMES: "the router chose {model}, which has no outcome",
    Reason.NO_PRICE: "the data set has no price of {model}",
    Reason.NOTHING_TO_DEFER_TO: "the cheapest model, {model}, is also the best: there is nothing to defer to",
    Reason.NO_GAP: "{strong} is not better than {weak}: there is no gap to recover",
    Reason.ONE_PRICE: "all models have the same price",
    Reason.NEVER_AS_GOOD: "at no setting are its answers as good as those of {model}, the best single model",
    Reason.NO_COST: "every model that it chose costs nothing: the score is of a cost above 0",
    Reason.NO_REFERENCE: "no test question with a domain has a reference answer",
    Reason.NOBODY_ASKED: "the policy abstained from every question",
    Reason.NO_ANSWER: "no answer: {error}",
    Reason.NOT_ANSWERED: "no answer from this expert",
    Reason.ANSWERS_CACHED: "every answer came from the cache, no model was loaded",
    Reason.NOT_ON_EVERY_DATASET: "no figure on {datasets}",
    Reason.READS_NO_QUESTION: "this router reads no question: it learns how frequent each domain is",
    Reason.TRAINED_TOO_LONG: "this router would be trained anew for every value, for minutes or hours each",
    Reason.TOO_FEW_TEXTS: "this router learns from text; at most {most:,} are made (grow.most_texts)",
    Reason.TOO_FEW_CORES: "this process may use {cores} cores",
    Reason.PROCESS_ENDED: "{error}",
    Reason.TOO_FEW_POINTS: "an exponent needs two points with a figure above 0",
    Reason.NO_RESULT: "its result is not there",
    Reason.OTHER_QUESTIONS: "{folder} has other questions: {difference}",
    Reason.OLDER_SCHEMA: "records of schema {version} were made otherwise",
    Reason.OTHER_LOADER: "its loader is not one of Router Derby's",
    Reason.ON_HUB: "it is on the hub; --data names files of this machine",
    Reason.OTHER_FILE: "{file} has SHA-256 {found:.12}…, the record has {recorded:.12}…",
    Reason.ONE_SIDE: "{file} is in the {side} alone",
    Reason.REFUSED: "{error}",
    Reason.AS_RECORDED: "{text}",
}


# Kinds of two questions that are the same, in words; see `reports.record.Likeness`.
LIKENESS = {
    "same": "the same",
    "same_words": "the same words",
    "contained": "one in the other",
    "spelled_alike": "spelled alike",
    "near_in_meaning": "near in meaning",
}


def sentence(reason: str, details: Details) -> str:
    """The reason in words; the code itself where this version does not know it."""
    template = _SENTENCES.get(Reason(reason)) if reason in set(Reason) else None
    return reason if template is None else template.format(**details)
