"""Turn the faces of photos, folders and videos into vectors for programs of your own.

fra-zoo embed PHOTO_OR_FOLDER_OR_VIDEO --out FILE.parquet [--model MODEL] [--detector none] [--every 0.5s]
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tqdm.auto import tqdm

from fra_zoo.config import parse, place_words
from fra_zoo.config.fields import COUNT, Options, option
from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path
from fra_zoo.predict.embedder import Embedder, default_backbone, embedding_rows, embeddings_entry
from fra_zoo.predict.frame_stride import frame_stride
from fra_zoo.predict.sources import source_path
from fra_zoo.predict.table_files import table_file
from fra_zoo.predict.writers import Journal
from fra_zoo.runtime.cpu import use_cpu

FORMATS = (".parquet", ".jsonl")


@dataclass
class Config(Options):
    """Options of `embed`."""

    model: str | None = option(
        None,
        "zoo or timm name with weights, run, export, or hf-hub:ORG/NAME; default: the one in the package",
        place=True,
    )
    detector: str = option("auto", "name of the detector; auto is yunet, none takes images whole")
    out: str | None = option(None, "table to write: .parquet or .jsonl; resumable", private=True)
    every: str = option("1", "which frames of a video: 5 is every fifth, 0.5s one every half second")
    batch_size: int = option(64, "faces in a pass", COUNT)
    threads: int | None = option(None, "CPU threads; default: all cores", COUNT)


def run(argv: Sequence[str]) -> None:
    """Embed, and write a table."""
    (source,), rest = place_words(argv, "embed PHOTO_OR_FOLDER_OR_VIDEO --out FILE.parquet", 1)
    config = parse(Config, rest)
    if config.out is None:
        raise FraZooError("embed needs --out FILE.parquet")
    path = source_path(source)
    frame_stride(config.every)
    table_file(config.out, FORMATS)
    use_cpu(config.threads)
    embedder = Embedder(config.model, detector=config.detector, batch_size=config.batch_size)
    if config.model is None:
        print(f"model {default_backbone()}; licence: {embedder.model.pretrained_cfg.get('license') or 'unknown'}")
    about = {"source": source, "detector": embedder.detector, "every": config.every, "model": embedder.fingerprint}
    journal = Journal(config.out, about, keep=embeddings_entry, rows=embedding_rows, formats=FORMATS)
    before, began = journal.done, time.perf_counter()
    images = faces = errors = width = 0
    stream = embedder.embed(path, every=config.every, wanted=journal.wants)
    for one in tqdm(journal.write(stream), unit="image", leave=False):
        images += 1
        errors += one.error is not None
        faces += len(one.faces)
        width = len(one.faces[0].vector) if one.faces else width
    seconds = time.perf_counter() - began
    wrong = f", {errors} with an error" if errors else ""
    numbers = f" of {width} numbers" if width else ""
    print(f"{images} image(s), {faces} face(s){numbers}{wrong}, {images / max(seconds, 1e-9):.1f} images/s")
    if before:
        print(f"went on with {journal.path.name}, which held {before} image(s); the line above is of the others")
    print(f"written: {display_path(journal.finish())}")
