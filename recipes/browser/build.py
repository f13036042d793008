"""A page that reads a face in the browser itself: no Python, no server that sees the photo.

    npm pack onnxruntime-web && tar xzf onnxruntime-web-*.tgz package/dist
    python recipes/browser/build.py --onnxruntime_web package/dist --output page
    python -m http.server --directory page --bind 127.0.0.1

Writes a folder of plain files: the page, onnxruntime-web (WebAssembly, MIT), the model as ONNX with its filters in
float16, and its labels and limits. Any web server serves it; opened as a file it does not run, since browsers do not
let a file read its neighbours. Half a minute on one core.
"""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fra_zoo.config import parse
from fra_zoo.config.fields import Options, option
from fra_zoo.errors import FraZooError, one_line_errors

HERE = Path(__file__).parent
PAGE = ("index.html", "page.js")
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
MOST = 0.01  # the largest change of a probability that float16 may make


@dataclass
class PageConfig(Options):
    onnxruntime_web: str = option("package/dist", "folder `dist` of the npm package onnxruntime-web", private=True)
    output: str = option("page", "folder to write", private=True)
    model: str | None = option(None, "run, export or zoo name; default: the classifier in the package", place=True)


def halve(file: Path) -> None:
    """Store filters and matrices in float16; a Cast gives them back as float32, once, when the model is loaded."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(file)
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or len(weight.dims) < 2:
            continue
        half = numpy_helper.to_array(weight).astype(np.float16)
        if not np.isfinite(half).all():
            raise FraZooError(f"weight {weight.name} is too large for float16")
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, file)


def change(predictor: Any, file: Path) -> float:
    """How far probabilities of drawn faces are from PyTorch's, at most."""
    import onnxruntime
    import torch

    from fra_zoo.data import create_dataset
    from fra_zoo.data.loading import FaceLoader, Faces
    from fra_zoo.views.apply import make_views

    data = create_dataset("synthetic-faces", "valid", size=96, count=64)
    (batch,) = FaceLoader(Faces(data, predictor.finder.size), len(data), shuffle=False).epoch(0)
    (images,) = make_views(batch["image"], [predictor.view], seed=0, epoch=0, index=batch["index"])
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    with torch.no_grad():
        expected = predictor.model(images).softmax(1)
    return float((torch.from_numpy(logits).softmax(1) - expected).abs().max())


def build(config: PageConfig) -> None:
    from fra_zoo.demo.card import read_card
    from fra_zoo.hub.onnx import export_onnx
    from fra_zoo.models.preprocessing import averages_flip
    from fra_zoo.predict.predictor import Predictor, default_classifier

    runtime = [Path(config.onnxruntime_web) / name for name in RUNTIME]
    for file in runtime:
        if not file.is_file():
            raise FraZooError(f"{file} is not there; npm pack onnxruntime-web, unpack it, and give its folder `dist`")
    model = config.model or default_classifier()
    predictor = Predictor(model, detector="none")
    view = predictor.view
    if view.photometric:
        raise FraZooError(f"model '{model}' sees equalised gray, which this page does not draw; give another")
    folder = Path(config.output)
    folder.mkdir(parents=True, exist_ok=True)
    export_onnx(predictor.model, folder / "model.onnx")
    halve(folder / "model.onnx")
    gap = change(predictor, folder / "model.onnx")
    if not gap <= MOST:
        raise FraZooError(f"in float16 a probability changes by {gap:.3f}, more than {MOST}")
    about = {
        "name": Path(model).name,
        "labels": list(predictor.labels),
        "load_size": predictor.finder.size,
        "size": view.size,
        "mean": list(view.mean),
        "std": list(view.std),
        "flip_average": averages_flip(predictor.model),
        "limits": [line.removeprefix("- ") for line in read_card(model)[1].splitlines() if line.startswith("- ")],
    }
    (folder / "model.json").write_text(json.dumps(about, indent=1) + "\n")
    for file in (*runtime, *(HERE / name for name in PAGE)):
        shutil.copy(file, folder / file.name)
    megabytes = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    print(f"{folder}: {megabytes:.1f} MB; no probability of 64 drawn faces changes by more than {gap:.1e}")


if __name__ == "__main__":
    with one_line_errors():
        config = parse(PageConfig, sys.argv[1:])
        build(config)
