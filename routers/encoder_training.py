"""Contrastive fine-tuning of a sentence encoder: questions of a class move together, classes apart."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from common.checks import Constraints, Settings, at_least, between, one_of, positive
from common.files import atomic_dir
from common.progress import say
from common.splits import Rows, stratified_holdout
from routers.base import FloatArray, RouterError, valid_text
from routers.classifier_training import progress_callback
from routers.encoder_backends import load_network

TRIPLETS = ("batch_all_triplet", "batch_hard_soft_margin_triplet", "batch_semi_hard_triplet")
LOSSES = (*TRIPLETS, "cosine_similarity")

HELD_OUT = 0.1
COLLAPSED = 0.9


def _even_and_at_least_four(value: Any) -> str | None:
    return None if at_least(4)(value) is None and value % 2 == 0 else "must be even and at least 4"


@dataclass(frozen=True)
class Recipe(Settings):
    """Settings an encoder is fine-tuned with.

    Attributes:
        loss: a triplet loss on cosine distances, or `cosine_similarity`. `batch_all_triplet` averages over
            every triplet that is not yet satisfied, `batch_hard_soft_margin_triplet` takes the hardest
            positive and negative of each question (both Hermans et al., 2017, "In Defense of the Triplet
            Loss", 2), `batch_semi_hard_triplet` the nearest negative beyond the positive (Schroff et al.,
            2015, "FaceNet", 3.2). `cosine_similarity` draws the cosine of pairs of one class towards 1 and
            that of pairs of two towards 0, as SetFit does (Tunstall et al., 2022, 3). Multiple negatives
            ranking is left out: of few classes, many of a batch's negatives are of the anchor's own.
        epochs: passes over the questions.
        batch_size: questions (or pairs) a step; even and at least 4, for two of each of two classes.
        learning_rate: peak of AdamW, warmed up over a tenth of the steps, then falling to 0.
        margin: of `batch_all_triplet` and `batch_semi_hard_triplet`, by which a question of another class
            has to be further than one of the same class; a difference of cosines, so under 2.
        seed: of the held-out questions, batches, pairs and dropout.
        max_tokens: longer texts are cut here.
    """

    prefix: ClassVar[str] = "encoder.finetune_"
    parameter_constraints: ClassVar[Constraints] = {
        "loss": one_of(*LOSSES),
        "epochs": at_least(1),
        "batch_size": _even_and_at_least_four,
        "learning_rate": positive,
        "margin": between(0, 2),
        "seed": at_least(0),
    }

    loss: str = "batch_all_triplet"
    epochs: int = 1
    batch_size: int = 32
    learning_rate: float = 2e-5
    margin: float = 0.5
    seed: int = 0
    max_tokens: int = 256


@dataclass(frozen=True)
class Cosines:
    """Mean cosine over every pair of texts of the same class, and of different classes."""

    same_class: float
    different_class: float


@dataclass(frozen=True)
class Separation:
    """Effect of fine-tuning on the vectors of `n_texts` questions.

    Attributes:
        held_out: whether training left these questions out. If not, they are all of the training
            questions, because a tenth could not be spared, and `after` flatters.
    """

    before: Cosines
    after: Cosines
    n_texts: int
    held_out: bool

    @property
    def collapsed(self) -> bool:
        """True if questions of different classes have come to be nearly the same vector."""
        return self.after.different_class > COLLAPSED

    def facts(self) -> dict[str, Any]:
        """Result as a JSON value."""
        return {**asdict(self), "collapsed": self.collapsed}


def fine_tune(
    model: str, texts: Sequence[str], labels: Sequence[str], recipe: Recipe, folder: Path
) -> Separation:
    """Train the sentence-transformers model in `model` and write it into `folder`, whole or not at all.

    A tenth of the texts of each class, where it can be spared, only measures the separation. The triplet
    losses see as many texts of the largest class in an epoch as there are of the second largest. On a CPU
    the same seed and the same number of threads write the same bytes. Says so when the model collapsed.

    Raises:
        RouterError: a value of `recipe` cannot be used, a class has a single text, or training diverged.
    """
    classes = sorted(set(labels))
    targets = np.array([classes.index(label) for label in labels], dtype=np.int64)
    _check(classes, targets)
    network = load_network(model, recipe.max_tokens)
    train, judge = split(targets, recipe.seed)
    clean = [valid_text(text) for text in texts]
    judged = [clean[row] for row in judge]
    before = mean_cosines(_vectors(network, judged), targets[judge])
    _train(network, [clean[row] for row in train], targets[train], recipe)
    vectors = _vectors(network, judged)
    if not np.isfinite(vectors).all():
        raise RouterError("fine-tuning the encoder diverged; lower encoder.finetune_learning_rate")
    separation = Separation(
        before, mean_cosines(vectors, targets[judge]), len(judge), held_out=len(train) < len(targets)
    )
    if separation.collapsed:
        say(
            "the fine-tuned encoder has collapsed: questions of different classes have a mean cosine of "
            f"{separation.after.different_class:.2f}; lower encoder.finetune_learning_rate or "
            "encoder.finetune_epochs, or choose another encoder.finetune"
        )
    with atomic_dir(folder) as work:
        network.save_pretrained(str(work), create_model_card=False)
    return separation


def split(targets: Rows, seed: int) -> tuple[Rows, Rows]:
    """Row numbers to train on and to judge by: a stratified tenth, at least one of each class.

    Both are all rows where a class would keep fewer than two to train on, or no class has two to judge by.
    """
    train, judge = stratified_holdout(targets, HELD_OUT, seed)
    kept, spared = (np.unique(targets[rows], return_counts=True)[1] for rows in (train, judge))
    if kept.min() < 2 or spared.max() < 2:
        return np.arange(len(targets)), np.arange(len(targets))
    return train, judge


def mean_cosines(vectors: FloatArray, targets: Rows) -> Cosines:
    """Mean cosines of unit vectors (n_texts, dimension) of two classes or more, two texts in one of them.

    The cosines of all pairs in a set sum to the squared length of the sum of its vectors, each
    text with itself included, so no matrix of pairs is needed.
    """
    rows = vectors.astype(np.float64)
    kinds, counts = np.unique(targets, return_counts=True)
    sums = np.stack([rows[targets == kind].sum(axis=0) for kind in kinds])
    within = float((sums**2).sum())
    everything = float((sums.sum(axis=0) ** 2).sum())
    n_within, n_all = int((counts**2).sum()), len(rows) ** 2
    itself = float((rows**2).sum())
    return Cosines((within - itself) / (n_within - len(rows)), (everything - within) / (n_all - n_within))


def sample_pairs(targets: Rows, generator: np.random.Generator) -> tuple[Rows, Rows, FloatArray]:
    """For every row a partner of its class and one of another: rows, partners, and the cosine wanted."""
    left, right, wanted = [], [], []
    for target in np.unique(targets):
        own = generator.permutation(np.flatnonzero(targets == target))
        others = np.flatnonzero(targets != target)
        # The next one in a random order is never the row itself.
        for partners, cosine in ((np.roll(own, 1), 1.0), (generator.choice(others, len(own)), 0.0)):
            left.append(own)
            right.append(partners)
            wanted.append(np.full(len(own), cosine, dtype=np.float32))
    return np.concatenate(left), np.concatenate(right), np.concatenate(wanted)


def _check(classes: list[str], targets: Rows) -> None:
    if len(classes) < 2:
        raise RouterError("fine-tuning an encoder needs training questions of at least two classes")
    alone = [classes[number] for number in np.flatnonzero(np.bincount(targets) < 2)]
    if alone:
        raise RouterError(
            f"fine-tuning an encoder needs two training questions of every class, and {alone[0]!r} has one; "
            "add some or set encoder.finetune=none"
        )


def _vectors(network: Any, texts: list[str]) -> FloatArray:
    return np.asarray(network.encode(texts, normalize_embeddings=True, show_progress_bar=False))


def _train(network: Any, texts: list[str], targets: Rows, recipe: Recipe) -> None:
    """Train `network` in place."""
    from datasets import disable_progress_bars
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from transformers import PrinterCallback

    disable_progress_bars()

    class Trainer(SentenceTransformerTrainer):  # type: ignore[misc]  # untyped base
        def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
            """None: the card would name this machine's versions and print examples of the questions."""

    grouped = recipe.loss in TRIPLETS
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        arguments = SentenceTransformerTrainingArguments(
            output_dir=scratch,
            per_device_train_batch_size=recipe.batch_size,
            # Pairs are drawn anew for each pass and come as one data set.
            num_train_epochs=recipe.epochs if grouped else 1,
            learning_rate=recipe.learning_rate,
            warmup_steps=0.1,
            batch_sampler="group_by_label" if grouped else "batch_sampler",
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            seed=recipe.seed,
        )
        trainer = Trainer(
            model=network,
            args=arguments,
            train_dataset=_grouped(texts, targets) if grouped else _paired(texts, targets, recipe),
            loss=_loss(network, recipe),
            callbacks=[progress_callback("fine-tuning the encoder")],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    network.eval()


def _grouped(texts: list[str], targets: Rows) -> Any:
    from datasets import Dataset

    return Dataset.from_dict({"text": texts, "label": targets.tolist()})


def _paired(texts: list[str], targets: Rows, recipe: Recipe) -> Any:
    from datasets import Dataset

    generator = np.random.default_rng(recipe.seed)
    passes = [sample_pairs(targets, generator) for _ in range(recipe.epochs)]
    left, right, wanted = (np.concatenate(column).tolist() for column in zip(*passes, strict=True))
    return Dataset.from_dict(
        {"left": [texts[row] for row in left], "right": [texts[row] for row in right], "score": wanted}
    )


def _loss(network: Any, recipe: Recipe) -> Any:
    from sentence_transformers.sentence_transformer import losses

    # The library's own default, Euclidean with a margin of 5, can never be met by vectors of unit length.
    distance = losses.BatchHardTripletLossDistanceFunction.cosine_distance
    if recipe.loss == "batch_all_triplet":
        return losses.BatchAllTripletLoss(network, distance, recipe.margin)
    if recipe.loss == "batch_semi_hard_triplet":
        return losses.BatchSemiHardTripletLoss(network, distance, recipe.margin)
    if recipe.loss == "batch_hard_soft_margin_triplet":
        return losses.BatchHardSoftMarginTripletLoss(network, distance)
    return losses.CosineSimilarityLoss(network)
