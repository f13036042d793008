"""A photo in, faces with expressions out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from fra_zoo.devices import autocast_for
from fra_zoo.errors import FraZooError
from fra_zoo.fields import COUNT, MARGIN, Range, checked
from fra_zoo.methods import load_method
from fra_zoo.models import create_model
from fra_zoo.models.preprocessing import clean_view, load_size, own_preprocessing
from fra_zoo.predict.crop import cut
from fra_zoo.predict.detect import Found, make_detector
from fra_zoo.predict.results import Face, Prediction
from fra_zoo.predict.sources import Frame, frames
from fra_zoo.views.apply import make_views
from fra_zoo.weights import CONFIG


class Predictor:
    """Expressions of the faces in photos and videos.

    Args:
        model: a zoo name with published weights, a run folder or an export, or `hf-hub:ORG/NAME[@REVISION]`; it needs
            a classifier with class names.
        detector: `haar` (offline), `yunet` (better; fetched from the Hub once), `center`, `none`, or a function of an
            RGB array (h, w, 3) that gives boxes (x, y, width, height).
        regions: a pre-trained method (run, export or `hf-hub:`) whose heatmaps are added to each face.
        margin: room around a found face as a share of its longer side; by default what the model says, else none.
        align: turn faces upright where the detector gives eyes; by default what the model says, else not.
        batch_size: faces in a pass.
        device: by default the GPU if there is one.

    Raises:
        FraZooError: if the model cannot be loaded, or is no classifier of expressions.
    """

    @checked
    def __init__(
        self,
        model: str | Path,
        *,
        detector: Any = "haar",
        regions: str | Path | None = None,
        margin: Annotated[float | None, MARGIN] = None,
        align: bool | None = None,
        batch_size: Annotated[int, COUNT] = 64,
        device: str | torch.device | None = None,
    ) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model: Any = load_classifier(str(model)).to(self.device, memory_format=torch.channels_last)
        own = own_preprocessing(self.model)
        self.labels: tuple[str, ...] = tuple(self.model.pretrained_cfg.get("label_names") or ())
        if len(self.labels) != self.model.num_classes or not self.labels:
            raise FraZooError(f"model '{model}' names no expressions: give a fine-tuned run, or a published classifier")
        self.view = clean_view(self.model)
        self.size = load_size(self.model, self.view.size)
        self.margin = own.get("face_margin", 0.0) if margin is None else margin
        self.align = own.get("align", False) if align is None else align
        self.detect = make_detector(detector)
        self.batch_size = batch_size
        self.method: Any = None if regions is None else load_method(regions).to(self.device)

    def __call__(self, source: Any) -> list[Prediction]:
        """The predictions of a source (see `fra_zoo.predict.sources.frames`), all at once."""
        return list(self.stream(source))

    @checked
    def stream(
        self, source: Any, *, skip: Annotated[int, Range(at_least=0)] = 0, every: Annotated[int, COUNT] = 1
    ) -> Iterator[Prediction]:
        """Predictions as they are made, in order, in constant memory; faces of several frames share a pass.

        Args:
            skip: leave out so many images or frames, to go on where a run broke off.
            every: take every so many-th frame of a video.
        """
        waiting: list[tuple[Frame, list[Found]]] = []
        crops: list[Tensor] = []
        for frame in frames(source, skip=skip, every=every):
            found = [] if frame.pixels is None else self._find(frame)
            assert frame.pixels is not None or not found
            crops += [cut(frame.pixels, one, self.size, margin=self.margin, align=self.align) for one in found]  # type: ignore[arg-type]
            waiting.append((frame, found))
            if len(crops) >= self.batch_size or len(waiting) >= 2 * self.batch_size:
                yield from self._finish(waiting, crops)
                waiting, crops = [], []
        yield from self._finish(waiting, crops)

    def _find(self, frame: Frame) -> list[Found]:
        assert frame.pixels is not None
        height, width = frame.pixels.shape[:2]
        inside = [one for one in self.detect(frame.pixels) if one.box[2] > 0 and one.box[3] > 0]
        inside = [one for one in inside if one.box[0] < width and one.box[1] < height]
        return sorted(inside, key=lambda one: -one.box[2] * one.box[3])

    def _finish(self, waiting: Sequence[tuple[Frame, list[Found]]], crops: list[Tensor]) -> Iterator[Prediction]:
        probabilities, maps = self._pass(crops)
        done = 0
        for frame, found in waiting:
            faces = []
            for one in found:
                named = dict(zip(self.labels, probabilities[done].tolist(), strict=True))
                faces.append(Face(one.box, named, one.score, None if maps is None else maps[done]))
                done += 1
            size = (0, 0) if frame.pixels is None else (frame.pixels.shape[1], frame.pixels.shape[0])
            yield Prediction(frame.source, size, tuple(faces), frame.number, frame.seconds, frame.error)

    def _pass(self, crops: list[Tensor]) -> tuple[Float[Tensor, "n c"], Float[Tensor, "n r i j"] | None]:
        if not crops:
            return torch.zeros(0, len(self.labels)), None
        images = torch.stack(crops)
        parts = [self.probabilities(part) for part in images.split(self.batch_size)]
        maps = None
        if self.method is not None:
            maps = torch.cat([self._heatmaps(part) for part in images.split(self.batch_size)])
        return torch.cat(parts), maps

    @torch.no_grad()
    def probabilities(self, faces: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b c"]:
        """Class probabilities of cut-out faces."""
        with autocast_for(self.device):
            return self.model(self._see(faces, self.view)).float().softmax(1).cpu()

    @torch.no_grad()
    def _heatmaps(self, faces: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b n i j"]:
        return cast(Tensor, self.method.regions(self._see(faces, self.method.views[0].clean()))).float().cpu()

    def _see(self, faces: Tensor, view: Any) -> Tensor:
        (x,) = make_views(faces.to(self.device), [view], seed=0, epoch=0, index=torch.arange(len(faces)))
        return x


def load_classifier(name: str) -> Any:
    """A classifier by a zoo name, a path or a repository; in evaluation mode."""
    if ":" not in name and any((Path(name, place) / CONFIG).is_file() for place in ("", "export")):
        name = f"local-dir:{name}"
    model: Any = create_model(name, pretrained=True)
    return model.eval()
