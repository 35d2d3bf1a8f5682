"""The criterion of training speech along a training, from the records of outer gradients."""

from collections.abc import Iterable, Mapping
from typing import Any

STEPS = 4
"""Values for each pass through the training speech."""


def passes(outers: Iterable[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Means over as many utterances as a pass has, `STEPS` of them a pass.

    Each utterance counts with the parameters that it was decoded with. A mean over a whole pass has
    every utterance about once, so what changes from one to the next is what was learnt, not which
    utterances had their turn; held-out speech, of which there is less, fluctuates more than that.

    Args:
        outers: records of kind ``outer`` in their order; failed utterances do not count.

    Returns:
        ``time`` in seconds, the mean of the window, and ``training``, the criterion per frame;
        empty before the first pass is done.
    """
    known = [o for o in outers if o["reason"] is None and o["value"] is not None]
    size = len({outer["utterance"] for outer in known})
    if not size:
        return []
    found = []
    for end in range(size, len(known) + 1, max(1, size // STEPS)):
        window = known[end - size : end]
        found.append(
            {
                "time": sum(outer["time"] for outer in window) / size,
                "training": sum(o["value"] for o in window) / sum(o["frames"] for o in window),
            }
        )
    return found
