"""The answer of a classifier: class probabilities, the mixture of classes that they expect, and when they are unsure.

What timm's configuration has no word for stands in `config.json` under `answer`: `class_prior`, the shares of the
classes that the probabilities expect; `train_prior`, those of the training data; `uncertain_below`, the confidence
under which an answer is called uncertain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fra_zoo.errors import FraZooError, nearest
from fra_zoo.models.preprocessing import averages_flip

ANSWER = "answer"
NATURAL, EVEN = "natural", "even"
Prior = str | float | Mapping[str, float]
_SMALLEST = 1e-4  # share that a class has at least, so that its logarithm is finite


@dataclass(frozen=True)
class AnswerConfig:
    """What an export says of its answers.

    Attributes:
        class_prior: the share of each class that the probabilities expect, in the order of the classes; () if unknown.
        train_prior: that of the data which it was trained on; () if unknown.
        uncertain_below: the confidence below which an answer is called uncertain; 0 calls none so.
    """

    class_prior: tuple[float, ...] = ()
    train_prior: tuple[float, ...] = ()
    uncertain_below: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As `config.json` has it; {} if there is nothing to say."""
        priors = {"class_prior": self.class_prior, "train_prior": self.train_prior}
        written = {name: [round(share, 6) for share in shares] for name, shares in priors.items() if shares}
        return written | ({"uncertain_below": self.uncertain_below} if self.uncertain_below else {})

    def shift(self, prior: Prior | None, labels: Sequence[str]) -> Float[Tensor, " c"]:
        """What is added to the logits so that the probabilities expect another mixture of classes.

        By Bayes' rule it is the difference of the logarithms of the priors (Saerens et al. 2002; Menon et al. 2021,
        arXiv 2007.07314).

        Args:
            prior: `natural` (that of the training data), `even`, a strength from 0 (`natural`) to 1 (`even`), or a
                share for each class by its name; None leaves the probabilities as they are.
            labels: names of the classes, in the order of the logits.

        Raises:
            FraZooError: if the weights do not say their prior, or the given one does not fit the classes.
        """
        if prior is None:
            return torch.zeros(len(labels))
        if len(self.class_prior) != len(labels):
            raise FraZooError(
                "these weights do not say which mixture of classes their probabilities expect, so it cannot be "
                "changed; leave prior out, or train the classifier again"
            )
        return self._log_target(prior, labels) - _log(self.class_prior)

    def target(self, prior: Prior, labels: Sequence[str]) -> tuple[float, ...]:
        """The shares of the classes that a prior means, in their order; they sum to 1. See `shift`."""
        return tuple(self._log_target(prior, labels).softmax(0).tolist())

    def _log_target(self, prior: Prior, labels: Sequence[str]) -> Float[Tensor, " c"]:
        if isinstance(prior, Mapping):
            unknown = [name for name in prior if name not in labels]
            if unknown or set(prior) != set(labels):
                name = unknown[0] if unknown else next(name for name in labels if name not in prior)
                why = f"unknown class '{name}'; {nearest(name, labels)}" if unknown else f"class '{name}' has no share"
                raise FraZooError(f"prior: {why}; give a share for each of {', '.join(labels)}")
            shares = [float(prior[name]) for name in labels]
            if min(shares) < 0 or sum(shares) <= 0:
                raise FraZooError("prior: the shares of the classes must be 0 or more, and one of them above 0")
            return _log([share / sum(shares) for share in shares])
        strength = {NATURAL: 0.0, EVEN: 1.0}.get(prior, prior) if isinstance(prior, str) else prior
        try:
            strength = float(strength)
        except ValueError:
            strength = float("nan")
        if not 0.0 <= strength <= 1.0:
            raise FraZooError(
                f"prior '{prior}' is none of natural, even, a strength from 0 to 1, and shares such as "
                f"{{{labels[0]}: 0.3, ...}}"
            )
        return (1.0 - strength) * _log(self.train_prior or self.class_prior)


def answer_config(model: Any) -> AnswerConfig:
    """What a model's configuration says of its answers."""
    own = (getattr(model, "pretrained_cfg", None) or {}).get(ANSWER) or {}
    priors = {name: tuple(float(share) for share in own.get(name) or ()) for name in ("class_prior", "train_prior")}
    return AnswerConfig(**priors, uncertain_below=float(own.get("uncertain_below") or 0.0))


def class_probabilities(
    model: Any,
    images: Float[Tensor, "b k h w"],
    *,
    flip_average: bool | None = None,
    shift: Float[Tensor, " c"] | None = None,
) -> Float[Tensor, "b c"]:
    """Softmax of a classifier's logits, in float32.

    Args:
        model: a timm classifier.
        images: normalised, as the model's view gives them.
        flip_average: take the mean of the logits of each face and of its mirror image, which costs a second pass; a
            face and its mirror image have the same expression. By default what the model says.
        shift: added to the logits, such as that of another prior (`AnswerConfig.shift`).
    """
    return features_and_probabilities(model, images, flip_average=flip_average, shift=shift)[1]


def features_and_probabilities(
    model: Any,
    images: Float[Tensor, "b k h w"],
    *,
    flip_average: bool | None = None,
    shift: Float[Tensor, " c"] | None = None,
) -> tuple[Float[Tensor, "b d"] | None, Float[Tensor, "b c"]]:
    """What goes into a classifier's last layer for each face, and `class_probabilities`, in one pass.

    The features are None where the last layer is not one linear layer.
    """
    features, logits = _features_and_logits(model, images)
    if averages_flip(model) if flip_average is None else flip_average:
        logits = (logits + model(images.flip(-1)).float()) / 2
    if shift is not None:
        logits = logits + shift.to(logits.device)
    return features, logits.softmax(1)


def _features_and_logits(model: Any, images: Tensor) -> tuple[Tensor | None, Tensor]:
    last = model.get_classifier() if hasattr(model, "get_classifier") else None
    if not isinstance(last, nn.Linear) or not hasattr(model, "forward_head"):
        return None, model(images).float()
    features = model.forward_head(model.forward_features(images), pre_logits=True)
    if features.dim() != 2 or features.shape[1] != last.in_features:
        return None, model(images).float()
    return features, last(features).float()


@torch.no_grad()
def shift_classifier(classifier: nn.Linear, shift: Float[Tensor, " c"]) -> None:
    """Add a shift of the logits to a linear classifier's bias, so that whoever loads it has it too."""
    if classifier.bias is None:
        raise FraZooError("a classifier without a bias cannot take another prior; train it with one")
    classifier.bias.add_(shift.to(classifier.bias))


def _log(shares: Sequence[float]) -> Float[Tensor, " c"]:
    return torch.tensor(shares, dtype=torch.float32).clamp(min=_SMALLEST).log()
