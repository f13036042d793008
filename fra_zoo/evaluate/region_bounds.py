"""What regions on a map of cells can know of the true parts of faces, made from the parts themselves: no method.

A learned region score says little alone. These maps stand beside it: places that are the same on every face, regions of
one area that follow the face, and each cell's true part.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.evaluate.evaluators.regions import mutual_information, score

ROUNDS = 30
SOFTNESS = 5.0  # nats of a cell; below it, regions share a cell while their prices are found


def cell_parts(masks: Int[Tensor, "b h w"], side: int) -> Float[Tensor, "b cells parts"]:
    """Pixels of each part in each of `side` x `side` cells, row by row; the masks' side is a multiple of it."""
    parts = int(masks.max()) + 1
    hot = F.one_hot(masks.long(), parts).permute(0, 3, 1, 2).double()
    cell = hot.shape[2] // side
    return F.avg_pool2d(hot, cell, divisor_override=1).flatten(2).transpose(1, 2)


def true_parts(count: Float[Tensor, "b cells parts"]) -> dict[str, float]:
    """Score of the map that gives each cell to the part that most of it belongs to."""
    return score(_shared(count, count.argmax(2), count.shape[2]))


def fixed_places(
    count: Float[Tensor, "b cells parts"], regions: int, starts: int = 30, same_area: bool = False, seed: int = 0
) -> dict[str, float]:
    """Score of the best found places that are the same on every face.

    Args:
        starts: random starts of the search, of which the best one counts.
        same_area: all places have the same number of cells, to within one.
    """
    found = _best(count.mean(0, keepdim=True), regions, starts, same_area, seed)
    return score(_shared(count, found.expand(len(count), -1), regions))


def following(
    count: Float[Tensor, "b cells parts"], regions: int, starts: int = 3, same_area: bool = True, seed: int = 0
) -> dict[str, float]:
    """Score of the best found regions whose cells are chosen again on every face.

    With `same_area`, each region has the same number of cells of every face, to within one: what a balance within
    each face asks for.
    """
    return score(_shared(count, _best(count, regions, starts, same_area, seed), regions))


def _shared(
    count: Float[Tensor, "b cells parts"], found: Int[Tensor, "b cells"], regions: int
) -> Float[Tensor, "b regions parts"]:
    return F.one_hot(found, regions).double().transpose(1, 2) @ count


def _best(
    count: Float[Tensor, "b cells parts"], regions: int, starts: int, same_area: bool, seed: int
) -> Int[Tensor, "b cells"]:
    """The assignment of cells to regions that tells most of the parts, over random starts."""
    generator = torch.Generator().manual_seed(seed)
    tries = (_search(count, regions, same_area, generator) for _ in range(starts))
    return max(tries, key=lambda found: _information(count, found, regions))


def _information(count: Tensor, found: Tensor, regions: int) -> float:
    return mutual_information(_shared(count, found, regions).sum(0)).item()


def _search(
    count: Float[Tensor, "b cells parts"], regions: int, same_area: bool, generator: torch.Generator
) -> Int[Tensor, "b cells"]:
    """K-means with Kullback and Leibler's divergence, which climbs in mutual information (Dhillon, JMLR 2003)."""
    cells = count.flatten(0, 1)
    table = cells[torch.randperm(len(cells), generator=generator)[:regions]] + 0.1 * cells.mean(0)
    table = F.pad(table, (0, 0, 0, regions - len(table)), value=1.0)
    found = torch.full(count.shape[:2], -1)
    for _ in range(ROUNDS):
        share = (table + 1e-3) / (table + 1e-3).sum(1, keepdim=True)
        gain = count @ share.log().T  # log likelihood of the cell's pixels in each region
        now = _alike_in_area(gain) if same_area else gain.argmax(2)
        if torch.equal(now, found):
            break
        found = now
        table = _shared(count, found, regions).sum(0)
    return found


def _alike_in_area(gain: Float[Tensor, "b cells regions"]) -> Int[Tensor, "b cells"]:
    """An assignment of much gain in which every region has cells / regions of each face, rounded down or up.

    Prices of the regions make their demand alike (Sinkhorn); then the surest cells choose first, while seats last.
    """
    faces, cells, regions = gain.shape
    wish = gain / SOFTNESS
    for _ in range(ROUNDS):
        wish = (wish - wish.logsumexp(1, keepdim=True)).log_softmax(2)
    found = torch.full((faces, cells), -1)
    each = torch.arange(faces)
    taken = torch.zeros(faces, regions, dtype=torch.long)
    spare = torch.full((faces,), cells % regions)  # regions that may still have one cell more than the others
    for _ in range(cells):
        closed = (taken > cells // regions) | ((taken == cells // regions) & (spare == 0)[:, None])
        sure = wish.masked_fill(closed[:, None, :], -torch.inf).flatten(1).argmax(1)
        cell, region = sure // regions, sure % regions
        found[each, cell] = region
        spare -= (taken[each, region] == cells // regions).long()
        taken[each, region] += 1
        wish[each, cell] = -torch.inf
    return found
