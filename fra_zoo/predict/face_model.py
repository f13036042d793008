"""A model that is shown the faces of photos and videos: what predicting and embedding share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from fra_zoo.config.fields import Range, checked
from fra_zoo.io.paths import display_path, user_path
from fra_zoo.io.remote import PREFIX
from fra_zoo.models import create_model
from fra_zoo.models.finite import require_finite, require_finite_answer
from fra_zoo.models.preprocessing import eval_view_of, load_size, own_preprocessing
from fra_zoo.predict.detectors import make_detector
from fra_zoo.predict.faces import FaceFinder
from fra_zoo.predict.frame import Frame
from fra_zoo.predict.frame_stride import Every
from fra_zoo.predict.results import EmbeddedFace, Embeddings
from fra_zoo.predict.sources import Wanted, frames
from fra_zoo.runtime.devices import autocast_for
from fra_zoo.views.apply import make_views
from fra_zoo.views.spec import ViewSpec


class FaceModel:
    """A timm model, how faces are found and cut out for it, and how it sees them.

    Args:
        model: in evaluation mode.
        name: what it is called in errors.
        detector, margin, align, batch_size, device: see `fra_zoo.Predictor`.

    Attributes:
        model: on its device.
        view: what it sees of a face that was cut out.
        finder: finds and cuts them.

    Raises:
        FraZooError: if the model holds or answers what is not finite, or the detector cannot be had.
    """

    def __init__(
        self,
        model: Any,
        name: str,
        *,
        detector: Any,
        margin: float | None,
        align: bool | None,
        batch_size: int,
        device: str | torch.device | None,
    ) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model: Any = model.to(self.device, memory_format=torch.channels_last)
        require_finite(self.model.state_dict(), f"model '{display_path(name)}'")
        require_finite_answer(self.model, f"model '{display_path(name)}'")
        self.view = eval_view_of(self.model)
        own = own_preprocessing(self.model)
        self.finder = FaceFinder(
            make_detector(detector),
            load_size(self.model, self.view.size),
            own.get("face_margin", 0.0) if margin is None else margin,
            own.get("align", True) if align is None else align,
            batch_size,
        )

    @property
    def detector(self) -> str:
        """Name of the detector that looks: what `auto` chose."""
        return self.finder.detect.name

    @property
    def batch_size(self) -> int:
        """Faces in a pass."""
        return self.finder.batch_size

    def see(self, faces: UInt8[Tensor, "b 3 h w"], view: ViewSpec | None = None) -> Float[Tensor, "b k s s"]:
        """Cut-out faces as a model takes them, on its device; by default as this one does."""
        pixels, index = faces.to(self.device), torch.arange(len(faces))
        (x,) = make_views(pixels, [view or self.view], seed=0, epoch=0, index=index)
        return x

    @torch.no_grad()
    def vectors(self, faces: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Embeddings of cut-out faces: the model's features before its classifier, on the CPU."""
        with autocast_for(self.device):
            found = self.model.forward_head(self.model.forward_features(self.see(faces)), pre_logits=True)
        return found.flatten(1).float().cpu()

    @checked
    def embed(
        self,
        source: Any,
        *,
        skip: Annotated[int, Range(at_least=0)] = 0,
        every: Every = 1,
        wanted: Wanted | None = None,
    ) -> Iterator[Embeddings]:
        """Embeddings as they are made, in order, in constant memory; faces of several images share a pass.

        Args:
            source: see `fra_zoo.predict.sources.frames`, and there for `skip`, `every` and `wanted`.
        """
        return self.embed_frames(frames(source, skip=skip, every=every, wanted=wanted))

    def embed_frames(self, images: Iterable[Frame]) -> Iterator[Embeddings]:
        """Embeddings of frames that are read already or as they are asked for."""
        for seen, crops in self.finder.batches(images):
            parts = torch.stack(crops).split(self.batch_size) if crops else ()
            vectors = iter([vector for part in parts for vector in self.vectors(part)])
            for frame, size, found in seen:
                faces, error = [], frame.error
                for one in found:
                    vector = next(vectors)
                    if bool(torch.isfinite(vector).all()):
                        faces.append(EmbeddedFace(one.box, vector, one.score))
                    else:
                        error = "the model's embedding of a face is not finite (NaN or infinity)"
                yield Embeddings(frame.source, size, tuple(faces), frame.number, frame.seconds, error, frame.stamp)

    def hash_of(self, *about: Any) -> str:
        """A hash of the weights, of how faces are cut out and seen, and of what else is said."""
        cutting = self.finder.size, self.finder.margin, self.finder.align
        digest = hashlib.sha256(repr((*about, self.view, *cutting)).encode("utf-8", "surrogateescape"))
        for name, value in self.model.state_dict().items():
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()


def load_model(name: str) -> Any:
    """A model with its weights by a zoo or timm name, a path or a repository; in evaluation mode.

    Raises:
        FraZooError: if there is none, or it has no weights.
    """
    model: Any = create_model(named_place(name), pretrained=True)
    return model.eval()


def named_place(name: str) -> str:
    """A path of this machine as `local-dir:PATH`; other names as they are."""
    if name.startswith(PREFIX):
        return name
    path = user_path(name.removeprefix("local-dir:"), "model")
    return f"local-dir:{path}" if name.startswith("local-dir:") or path.exists() else name
