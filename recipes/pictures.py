"""Pictures of what weights in the package learned, into their folder, whose card then shows them.

    python recipes/pictures.py --model fra_resnet18.faces42k_48px_e14 --lfw LFW

With heads that have regions: `heatmaps.png` on a few faces of LFW, `heatmaps_drawn.webp` on drawn ones. A classifier:
`answers_drawn.webp`, drawn faces with their labels and what it says, right ones first, and `answers.webp`, the same few
faces of LFW, which has no labels of expressions. FER2013's faces may not be shown, so none of them is here. Curves and
the confusion matrix are the run's own and come with publishing. Half a minute on one core.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regions import RegionsConfig, draw, numbers

from fra_zoo.config import parse
from fra_zoo.config.fields import COUNT, Options, option
from fra_zoo.errors import FraZooError, one_line_errors

PEOPLE = "2194,11398,7615,6111,5288,4953"  # rows of LFW
LARGEST = 200_000  # bytes of a picture


@dataclass
class PicturesConfig(Options):
    model: str = option("fra_resnet18", "weights in the package, as name.tag", place=True)
    lfw: str | None = option(None, "root of LFW; without it drawn faces alone are shown", private=True)
    rows: str = option(PEOPLE, "rows of LFW, with commas between")
    drawn: int = option(512, "drawn faces that are asked for; right and wrong ones are taken from them", COUNT)
    each: int = option(16, "right ones, and wrong ones, that are shown", COUNT)


def regions(config: PicturesConfig, folder: Path) -> None:
    """Heatmaps on faces of LFW and on drawn ones."""
    from fra_zoo.data.sets.lfw import FACE_SHARE

    here = f"local-dir:{folder}"
    place = str(folder / "heatmaps_drawn.webp")
    draw(RegionsConfig(here, split="valid", dataset_args={"size": 96}, output=place))
    if config.lfw is not None:
        place = str(folder / "heatmaps.png")
        draw(RegionsConfig(here, "lfw", config.lfw, rows=config.rows, center_crop=FACE_SHARE, output=place))


def answers(config: PicturesConfig, folder: Path) -> None:
    """What a classifier says of faces."""
    import torch

    from fra_zoo.data import create_dataset
    from fra_zoo.data.loading import FaceLoader, Faces
    from fra_zoo.data.sets.lfw import FACE_SHARE
    from fra_zoo.hub.measured import add_measured
    from fra_zoo.labels import LabelSpace
    from fra_zoo.predict import Predictor
    from fra_zoo.predict.answers import answers_page, right_and_wrong
    from fra_zoo.viz import plots as plot

    predictor = Predictor(folder, detector="none")

    def ask(data: Any, crop: float) -> tuple[Any, Any]:
        (batch,) = FaceLoader(Faces(data, predictor.finder.size, crop), len(data), shuffle=False).epoch(0)
        return batch, predictor.probabilities(batch["image"])

    data = create_dataset("synthetic-faces", "valid", size=96, count=config.drawn).labelled()
    assert data.labels is not None
    batch, p = ask(data, 1.0)
    labels = torch.tensor(data.labels.permutation_to(LabelSpace("model", predictor.labels)))[batch["label"]]
    chosen = right_and_wrong(p, labels, config.each)
    page = answers_page(batch["image"][chosen], p[chosen], predictor.labels, labels[chosen])
    plot.write_png(page, folder / "answers_drawn.webp")
    right = float((p.argmax(1) == labels).double().mean())
    drawn = {"dataset": "synthetic-faces", "split": "valid", "faces": len(data), "accuracy": right}
    add_measured(folder, {"fer_drawn": drawn})
    print(f"{folder.name}: {right:.1%} of {len(data)} drawn faces are right")
    if config.lfw is not None:
        people = create_dataset("lfw", "train", config.lfw)
        batch, p = ask(people.select(numbers(config.rows, len(people))), FACE_SHARE)
        plot.write_png(answers_page(batch["image"], p, predictor.labels), folder / "answers.webp")


def main(config: PicturesConfig) -> None:
    from fra_zoo.hub.card import PICTURES
    from fra_zoo.hub.measured import rewrite_card
    from fra_zoo.io.weights import HEADS
    from fra_zoo.models.zoo import packaged

    one = packaged(config.model)
    if (one.folder / HEADS).is_file():
        regions(config, one.folder)
    if one.labels:
        answers(config, one.folder)
    for file in filter(Path.is_file, map(one.folder.joinpath, PICTURES)):
        if file.stat().st_size > LARGEST:
            raise FraZooError(f"{file} has {file.stat().st_size} bytes, more than {LARGEST}; show fewer faces")
    rewrite_card(one.folder)


if __name__ == "__main__":
    with one_line_errors():
        config = parse(PicturesConfig, sys.argv[1:])
        main(config)
