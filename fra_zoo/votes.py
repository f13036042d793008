"""From the votes of annotators to labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fra_zoo.labels import FERPLUS

NO_LABEL = -1


def ferplus_majority(votes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Majority label of each row of FER+ votes, `NO_LABEL` where there is none.

    Single votes count as outliers and go; the winner needs more than half of what is left, over all ten columns
    (`unknown` and `NF` included), and must be an emotion. Source: Barsoum et al. 2016 (arXiv 1608.01041) section 3.

    Args:
        votes: (n, 10) counts in the order of `fra_zoo.labels.FERPLUS_VOTES`.

    Returns:
        (n,) class numbers in `FERPLUS`.
    """
    kept = np.where(votes > 1, votes, 0)
    winner = kept.argmax(1)
    clear = (kept.max(1) * 2 > kept.sum(1)) & (winner < len(FERPLUS))
    return np.where(clear, winner, NO_LABEL).astype(np.int64)
