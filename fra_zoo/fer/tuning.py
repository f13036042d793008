"""How a classifier is trained, whatever its loss: which layers, how fast, on which blends, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass

from fra_zoo.config.fields import SHARE, WEIGHT, Options, option
from fra_zoo.errors import FraZooError


@dataclass
class Tuning(Options):
    """Options that every objective of one network shares.

    Attributes:
        linear: train the classifier alone; everything else is frozen, its norms in evaluation mode.
        augmentation: a registered one instead of the objective's own (`fra_zoo.fer.augmentations.papers`).
        mixup: alpha of mixup (arXiv 1710.09412): faces of a batch are blended in pairs by a share from
            Beta(alpha, alpha), and so are their losses. 0 is off; 0.2 is usual.
        layer_decay: factor of the learning rate from each layer to the one below it (BEiT, arXiv 2106.08254 appendix
            H; timm's `param_groups_layer_decay`). 1 is off.
        model_ema_decay: share of the moving average of the weights that each step keeps; the average is what is
            measured and exported. The first steps keep less, `(1 + step) / (10 + step)`. 0 is off; 0.999 is usual.
        logit_adjustment: strength of logit adjustment (Menon et al. 2021, arXiv 2007.07314 section 5): this times the
            log share of each class is added to the logits in the loss, so that rare classes are answered as often as
            they are right. 0 is off, 1 trains for an even mixture of classes.
        weight_decay_exclude_1d: no weight decay on norms and biases, as in timm; the FRA protocol has it on all.
    """

    linear: bool = option(False, "train the classifier alone and leave the backbone as it is")
    augmentation: str | None = option(
        None, "name of an augmentation (see `fra-zoo list augmentations`); by default the objective's"
    )
    mixup: float = option(
        0.0, "alpha of mixup, which blends faces and their losses in pairs; 0 is off, 0.2 is usual", WEIGHT
    )
    layer_decay: float = option(1.0, "factor of the learning rate from each layer to the one below it; 1 is off", SHARE)
    model_ema_decay: float = option(
        0.0,
        "share of the moving average of the weights that a step keeps; 0 is off, 0.999 is usual",
        at_least=0,
        below=1,
    )
    weight_decay_exclude_1d: bool = option(
        True, "leave norms and biases out of the weight decay; the fra protocol does not"
    )
    logit_adjustment: float = option(
        0.0, "strength of logit adjustment in the loss; 0 is off, 1 trains for an even mixture of classes", WEIGHT
    )

    def refuse_all(self, objective: str, why: str) -> None:
        """Raise `FraZooError` if any option is given that the objective has no place for."""
        given = {
            "linear": self.linear,
            "mixup": self.mixup > 0,
            "layer_decay": self.layer_decay < 1,
            "model_ema_decay": self.model_ema_decay > 0,
            "logit_adjustment": self.logit_adjustment > 0,
        }
        found = [name for name, said in given.items() if said]
        if found:
            raise FraZooError(f"{objective} {why}; {', '.join(found)} is for the other objectives")
