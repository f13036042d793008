"""A photo in, faces with expressions out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from fra_zoo.config.fields import COUNT, MARGIN, PROBABILITY, WEIGHT, Range, checked
from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path
from fra_zoo.methods import load_method
from fra_zoo.models.answer import Prior, answer_config, features_and_probabilities
from fra_zoo.models.build import check_name
from fra_zoo.models.finite import require_finite
from fra_zoo.models.preprocessing import averages_flip
from fra_zoo.models.zoo import ZOO, classifiers
from fra_zoo.predict.appearance import appearance
from fra_zoo.predict.detector import MIN_SCORE, make_detector
from fra_zoo.predict.face_model import FaceModel, load_model, named_place
from fra_zoo.predict.faces import DetectedFrame
from fra_zoo.predict.frame import Frame
from fra_zoo.predict.frame_stride import Every
from fra_zoo.predict.results import Face, Prediction
from fra_zoo.predict.sources import Wanted, frames
from fra_zoo.predict.tracks import SMOOTH, Tracker
from fra_zoo.runtime.devices import autocast_for

NO_EXPRESSIONS = "model '{}' names no expressions: give a fine-tuned run, or a published classifier"


class Predictor(FaceModel):
    """Expressions of the faces in photos and videos.

    Args:
        model: a zoo name with weights, a run folder or an export, or `hf-hub:ORG/NAME[@REVISION]`; it needs a
            classifier with class names. By default the one that comes with the package.
        detector: `auto` (`yunet`, which comes with the package), `haar`, `center`,
            `none`, or a function of an RGB array (h, w, 3) that gives boxes (x, y, width, height).
        regions: a pre-trained method (run, export or `hf-hub:`) whose heatmaps are added to each face.
        margin: room around a found face as a share of its longer side; by default what the model says, else none.
        align: turn faces upright where the detector gives eyes; by default what the model says, else they are turned.
        flip_average: answer with the mean for each face and its mirror image, in twice the time; by default what the
            model says, else not.
        prior: the mixture of classes that the probabilities expect: `natural` (that of the training data), `even`, a
            strength between them from 0 to 1, or a share for each class by name; by default as the model was made.
        min_score: least score of what is taken for a face, from 0 to 1, where the detector gives one.
        batch_size: faces in a pass.
        device: by default the GPU if there is one.

    Raises:
        FraZooError: if the model cannot be loaded, is no trained classifier of expressions, or holds or answers what
            is not finite.
    """

    @checked
    def __init__(
        self,
        model: str | Path | None = None,
        *,
        detector: Any = "auto",
        regions: str | Path | None = None,
        margin: Annotated[float | None, MARGIN] = None,
        align: bool | None = None,
        flip_average: bool | None = None,
        prior: Prior | None = None,
        min_score: Annotated[float, PROBABILITY] = MIN_SCORE,
        batch_size: Annotated[int, COUNT] = 64,
        device: str | torch.device | None = None,
    ) -> None:
        model = str(default_classifier() if model is None else model)
        require_expressions(model)
        loaded = load_model(model)
        self.labels: tuple[str, ...] = tuple(map(display_path, loaded.pretrained_cfg.get("label_names") or ()))
        if len(set(self.labels)) != loaded.num_classes or not self.labels:
            raise FraZooError(NO_EXPRESSIONS.format(display_path(model)))
        if not loaded.classifier_loaded:
            raise FraZooError(f"model '{display_path(model)}' has no trained classifier: give a fine-tuned run")
        super().__init__(
            loaded,
            model,
            detector=make_detector(detector, min_score),
            margin=margin,
            align=align,
            batch_size=batch_size,
            device=device,
        )
        self.flip_average = averages_flip(self.model) if flip_average is None else flip_average
        answer = answer_config(self.model)
        self.shift = answer.shift(prior, self.labels)
        self.uncertain_below = answer.uncertain_below
        self.method: Any = None if regions is None else load_method(regions).to(self.device)
        if self.method is not None:
            require_finite(self.method.state_dict(), f"regions '{display_path(str(regions))}'")

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides what is answered for a face: weights, names, how it is cut out and shown."""
        return self.hash_of(self.labels, self.flip_average, self.shift.tolist(), self.uncertain_below)

    def __call__(self, source: Any) -> list[Prediction]:
        """The predictions of a source (see `fra_zoo.predict.sources.frames`), all at once."""
        return list(self.stream(source))

    @checked
    def stream(
        self,
        source: Any,
        *,
        skip: Annotated[int, Range(at_least=0)] = 0,
        every: Every = 1,
        wanted: Wanted | None = None,
        smooth: Annotated[float, WEIGHT] = SMOOTH,
    ) -> Iterator[Prediction]:
        """Predictions as they are made, in order, in constant memory; faces of several frames share a pass.

        Faces of a video are followed: each has a `track`, over which its probabilities are smoothed.

        Args:
            source: see `fra_zoo.predict.sources.frames`, and there for `skip`, `every` and `wanted`.
            smooth: seconds, see `fra_zoo.predict.tracks.Tracker`; 0 smooths nothing.
        """
        return Tracker(smooth=smooth).follow(self.of_frames(frames(source, skip=skip, every=every, wanted=wanted)))

    def of_frames(self, images: Iterable[Frame]) -> Iterator[Prediction]:
        """Predictions of frames that are read already or as they are asked for, each for itself: without tracks."""
        for seen, crops in self.finder.batches(images):
            yield from self._finish(seen, crops)

    def _finish(self, seen: Sequence[DetectedFrame], crops: list[Tensor]) -> Iterator[Prediction]:
        probabilities, maps, looked = self._pass(crops)
        done = 0
        for frame, size, found in seen:
            faces, error = [], frame.error
            for one in found:
                if bool(torch.isfinite(probabilities[done]).all()):
                    named = dict(zip(self.labels, probabilities[done].tolist(), strict=True))
                    look = None if looked is None or frame.number is None else looked[done]
                    heatmaps = None if maps is None else maps[done]
                    faces.append(Face(one.box, named, one.score, heatmaps, None, look, self.uncertain_below))
                else:
                    error = "the model's answer for a face is not finite (NaN or infinity)"
                done += 1
            yield Prediction(frame.source, size, tuple(faces), frame.number, frame.seconds, error, frame.stamp)

    def _pass(
        self, crops: list[Tensor]
    ) -> tuple[Float[Tensor, "n c"], Float[Tensor, "n r i j"] | None, Float[Tensor, "n d"] | None]:
        """Probabilities; heatmaps if there is a method for them; looks if the model has one last layer."""
        if not crops:
            return torch.zeros(0, len(self.labels)), None, None
        images = torch.stack(crops)
        parts, seen = [], []
        for part in images.split(self.batch_size):
            features, probabilities = self._answers(part)
            parts.append(probabilities)
            seen += [] if features is None else [appearance(features)]
        maps = None
        if self.method is not None:
            maps = torch.cat([self._heatmaps(part) for part in images.split(self.batch_size)])
        return torch.cat(parts), maps, torch.cat(seen) if seen else None

    @torch.no_grad()
    def probabilities(self, faces: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b c"]:
        """Class probabilities of cut-out faces."""
        return self._answers(faces)[1]

    @torch.no_grad()
    def _answers(self, faces: UInt8[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b d"] | None, Float[Tensor, "b c"]]:
        """Features before the last layer, and probabilities; nothing is kept, so threads may share a predictor."""
        with autocast_for(self.device):
            features, probabilities = features_and_probabilities(
                self.model, self.see(faces), flip_average=self.flip_average, shift=self.shift
            )
        return features, probabilities.cpu()

    @torch.no_grad()
    def _heatmaps(self, faces: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b n i j"]:
        return cast(Tensor, self.method.regions(self.see(faces, self.method.views[0].eval_view()))).float().cpu()


def default_classifier() -> str:
    """The name of the classifier that comes with the package; `FraZooError` if none does."""
    first = next(iter(classifiers()), None)
    if first is None:
        raise FraZooError(
            "no classifier comes with the package yet; give a model: a run folder, an export, or hf-hub:ORG/NAME"
        )
    return first


def require_expressions(name: str) -> None:
    """Raise `FraZooError` for a name whose weights are of other things than faces, before they are fetched."""
    name = named_place(name)
    if ":" not in name:
        check_name(name)
        if name.split(".")[0] not in ZOO:
            raise FraZooError(NO_EXPRESSIONS.format(name))
