"""Export to ONNX, with the preprocessing in the file, compared with PyTorch before it is handed on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path, output_file
from fra_zoo.models.finite import require_finite
from fra_zoo.models.preprocessing import eval_view_of, own_preprocessing

LARGEST_GAP = 1e-4
_BATCHES = (1, 3)


def export_onnx(model: Any, file: str | Path) -> float:
    """Write a timm model to ONNX: input `images` (b, k, h, w) normalised float, output `logits` (b, c), any batch.

    The metadata holds size, mean, deviation, crop and class names, as `config.json` does.

    Returns:
        The largest gap between ONNX Runtime and PyTorch, on random images.

    Raises:
        FraZooError: if the file cannot be written, a package is missing, the model cannot be exported or is not
            finite, or the gap is above 1e-4.
    """
    file = output_file(file, "the ONNX file")
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise FraZooError(f"ONNX export needs {error.name}: pip install 'fra-zoo[onnx]'") from error
    require_finite(model.state_dict(), "the model is not exported")
    model = model.eval().to("cpu", memory_format=torch.contiguous_format)
    view = eval_view_of(model)
    channels = 1 if view.photometric else 3
    making = file.with_name(file.name + ".making.onnx")
    try:
        _export(model, making, (channels, view.size))
        _describe(making, _metadata(model, view))
        gap = _gap(model, making, (channels, view.size))
        if not gap <= LARGEST_GAP:
            raise FraZooError(
                f"ONNX Runtime differs from PyTorch by {gap:.1e}, more than {LARGEST_GAP:.0e}; not written"
            )
        os.replace(making, file)
    except OSError as error:
        raise FraZooError(
            f"{display_path(file)} could not be written ({error.strerror or error}); give another"
        ) from error
    finally:
        making.unlink(missing_ok=True)
    return gap


def _export(model: Any, file: Path, shape: tuple[int, int]) -> None:
    channels, size = shape
    try:
        torch.onnx.export(
            model,
            (torch.randn(2, channels, size, size),),
            file,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    except OSError:
        raise
    except Exception as error:  # the exporter has many kinds of its own
        raise FraZooError(f"the model cannot be exported to ONNX: {str(error).splitlines()[0]}") from error


def _describe(file: Path, facts: dict[str, str]) -> None:
    import onnx

    graph = onnx.load(file)
    onnx.helper.set_model_props(graph, facts)
    onnx.save(graph, file)


def _gap(model: Any, file: Path, shape: tuple[int, int]) -> float:
    """The largest difference of an answer; NaN if one is not finite."""
    import onnxruntime

    channels, size = shape
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    gaps = []
    for batch in _BATCHES:
        x = torch.randn(batch, channels, size, size)
        with torch.no_grad():
            expected = model(x)
        (found,) = session.run(["logits"], {"images": x.numpy()})
        gaps.append((torch.from_numpy(found) - expected).abs().max())
    return float(torch.stack(gaps).max())  # unlike Python's max, it hands NaN on


def _metadata(model: Any, view: Any) -> dict[str, str]:
    cfg = model.pretrained_cfg
    facts = {
        "input_size": view.size,
        "mean": [0.0] if view.photometric else list(view.mean),
        "std": [1.0] if view.photometric else list(view.std),
        "interpolation": view.interpolation,
        "crop_pct": view.clean_centre,
        "label_names": list(cfg.get("label_names") or []),
        "preprocessing": own_preprocessing(model),
        "architecture": cfg["architecture"],
    }
    return {name: json.dumps(value) for name, value in facts.items()}
