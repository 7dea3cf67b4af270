"""A conversation as a router reads it: texts for the router, and one decision from what it says of them.

A follow-up ("and how often?") means little by itself. Three policies (`common.settings.Context`):

`last` reads the last message alone.

`window` reads the last messages as one text, the newest last. Of the earlier ones only `EARLIER` characters
are read, so that they neither drown the last message nor push it out of what the router reads at most.

`sticky` reads each message by itself and filters what the router says of them: the forward algorithm of a
hidden Markov model (Rabiner, 1989, Proc. IEEE 77, 257-286, section III.A, equations 19 and 20). The hidden
state is the domain. It stays from message to message with the probability `stay`, and each other domain is as
likely as the next. A message is evidence as far as the router is sure of it: with the confidence c and the
probabilities p, of n domains, its likelihoods are c p + (1 - c) / n. So a follow-up that looks like nothing
leaves the domain as it was, and a message that looks like another domain changes it.

A conversation of one message has exactly the router's own output.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from common.settings import LAST, WINDOW, Context
from routers.base import Inference
from routers.inference_files import concatenate

# Characters of earlier messages that a window reads, shared out evenly.
EARLIER = 400


def texts(context: Context, messages: Sequence[str]) -> list[str]:
    """Texts that the router reads of a conversation with these messages of the user, the oldest first.

    Raises:
        ValueError: there is no message.
    """
    if not messages:
        raise ValueError("a conversation has at least one message")
    read = messages[-context.window :]
    if context.context == LAST or len(read) == 1:
        return [messages[-1]]
    if context.context == WINDOW:
        share = EARLIER // (len(read) - 1)
        return ["\n".join([*(message[:share] for message in read[:-1]), read[-1]])]
    return list(read)


def carried(context: Context, said: Inference) -> Inference:
    """Output for a conversation, one row, from the router's output for its `texts`, in their order.

    Of `sticky` the confidence is that of the message, or of the decision before it times the probability that
    the domain has stayed, whichever is larger: a follow-up is as much in scope as what it follows. `expected`
    and `sent_on` are those of the last message; it is cut if one of the texts is.
    """
    if len(said.confidence) == 1:
        return said
    probabilities, sure = said.proba.astype(np.float64), said.confidence.astype(np.float64)
    n_domains = probabilities.shape[1]
    # From one domain to a certain other one.
    move = (1 - context.stay) / (n_domains - 1)
    belief, confidence = probabilities[0], float(sure[0])
    for proba, own in zip(probabilities[1:], sure[1:].tolist(), strict=True):
        likelihood = own * proba + (1 - own) / n_domains
        stayed = context.stay * belief * likelihood
        joint = stayed + move * (1 - belief) * likelihood
        belief = joint / joint.sum()
        confidence = max(own, confidence * float(stayed.sum() / joint.sum()))
    return Inference(
        belief[None].astype(np.float32),
        np.array([confidence], dtype=np.float32),
        None if said.expected is None else said.expected[-1:],
        None if said.sent_on is None else said.sent_on[-1:],
        None if said.cut is None else np.array([said.cut.any()]),
    )


@dataclass(frozen=True)
class Reading:
    """Conversations as a router reads them in one batch.

    Attributes:
        texts: of all conversations, one after the other.
        counts: number of texts of each.
    """

    context: Context
    texts: list[str]
    counts: list[int]

    @classmethod
    def of(cls, context: Context, conversations: Iterable[Sequence[str]]) -> "Reading":
        """Reading of conversations, each the messages of its user, the oldest first."""
        read = [texts(context, messages) for messages in conversations]
        return cls(context, [text for one in read for text in one], [len(one) for one in read])

    def carried(self, said: Inference) -> Inference:
        """Output for each conversation, a row each, from the router's output for `texts`."""
        if len(self.texts) == len(self.counts):
            return said
        # Of several draws that are made into one decision nobody knows the chances.
        said = said._replace(chances=None)
        ends = np.cumsum(self.counts)
        return concatenate(
            [
                carried(self.context, _rows(said, end - count, end))
                for count, end in zip(self.counts, ends.tolist(), strict=True)
            ]
        )


def _rows(said: Inference, start: int, end: int) -> Inference:
    return Inference._make(None if array is None else array[start:end] for array in said)
