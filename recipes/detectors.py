"""Detectors beside each other on LFW: faces found, other boxes, and pictures a second, on one core.

    python recipes/detectors.py --lfw LFW [--images 300] [--detectors haar yunet fer]
    python recipes/detectors.py --ferplus FERPLUS [--images 1500] [--detectors haar yunet yunet_onnx fer]

Four kinds of pictures are made of the same photos: as they are; turned by 30 or 45 degrees; twenty a picture; twenty a
picture with faces of about 30 px. A face is found if a box holds the middle of its photo. Other boxes are not all
false: people in the background are among them. YuNet comes from the Hub. A minute.

`fer` is the detector of the package of that name, with its defaults: OpenCV's cascade, faces of 50 px or more. It is
left out where the package cannot be imported; the head of recipes/others.py says how it is installed.

With --ferplus, whether a face that is found and cut out gives what it gives as it was cut for training: faces of valid,
four times as large, stand in pictures of their own, and the package's classifier reads them. Three minutes.
"""

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from fra_zoo.config import parse
from fra_zoo.config.fields import COUNT, Options, option
from fra_zoo.errors import FraZooError, one_line_errors

COLUMNS, ROWS = 5, 4
TURNS = (-45, -30, 30, 45)


@dataclass
class DetectorsConfig(Options):
    lfw: str | None = option(None, "root of LFW: how many faces are found", private=True)
    ferplus: str | None = option(None, "root of FER+: what the classifier says of them", private=True)
    images: int = option(300, "photos; of LFW a multiple of 20", COUNT)
    detectors: list[str] = field(default_factory=lambda: ["haar", "yunet", "fer"])


def finders(names: list[str]) -> dict[str, Any]:
    """The detectors by name: functions of an RGB image (h, w, 3) that give `Detection`s."""
    from fra_zoo.predict.detectors import make_detector

    made = {name: of_fer() if name == "fer" else make_detector(name) for name in names}
    return {name: find for name, find in made.items() if find is not None}


def of_fer() -> Any:
    """The detector of the package `fer`; None, and a line that says why, where it cannot be imported."""
    from fra_zoo.predict.detectors import make_detector

    try:
        from fer.fer import FER  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        print(f"fer is left out, for it cannot be imported ({error}); the head of recipes/others.py says how")
        return None
    package = FER()
    return make_detector(lambda pixels: package.find_faces(pixels[..., ::-1].copy()))  # it takes BGR


def sheet(photos: list[Any], side: int) -> tuple[Any, list[tuple[int, int]]]:
    """Photos in one picture, and the middles of them."""
    import numpy as np

    canvas, middles = np.zeros((side * ROWS, side * COLUMNS, 3), np.uint8), []
    for number, photo in enumerate(photos):
        y, x = (side * v for v in divmod(number, COLUMNS))
        canvas[y : y + side, x : x + side] = np.asarray(photo.resize((side, side)))
        middles.append((x + side // 2, y + side // 2))
    return canvas, middles


def pictures(photos: list[Any]) -> dict[str, list[tuple[Any, list[tuple[int, int]]]]]:
    """The four kinds."""
    import numpy as np

    parts = [photos[start : start + COLUMNS * ROWS] for start in range(0, len(photos), COLUMNS * ROWS)]
    middle = [(photos[0].width // 2, photos[0].height // 2)]
    turned = [photo.rotate(TURNS[number % len(TURNS)], resample=2) for number, photo in enumerate(photos)]
    return {
        "as they are": [(np.asarray(photo), middle) for photo in photos],
        "turned": [(np.asarray(photo), middle) for photo in turned],
        "many": [sheet(part, photos[0].width) for part in parts],
        "many, small": [sheet(part, 80) for part in parts],
    }


def answers(config: DetectorsConfig) -> None:
    """Accuracy of the classifier on faces that a detector found, and on the same faces as they were."""
    import numpy as np

    from fra_zoo import Predictor, create_dataset
    from fra_zoo.data.pixels.opening import open_rgb

    data = create_dataset("ferplus", "valid", config.ferplus)
    labels, classes = data.dataset["label"], data.labels.classes if data.labels else ()
    rows = [row for row, label in enumerate(labels) if label >= 0][: config.images]
    names = [classes[labels[row]] for row in rows]
    faces = [np.asarray(open_rgb(data.dataset[row]["image"]).resize((192, 192), 3)) for row in rows]
    pictures = [np.pad(face, ((64, 64), (64, 64), (0, 0)), mode="edge") for face in faces]

    def right(predictor: Predictor, images: list[Any]) -> list[bool | None]:
        found = [predictor(pixels)[0].faces for pixels in images]
        return [one[0].label == name if one else None for one, name in zip(found, names, strict=True)]

    whole = right(Predictor(detector="none"), faces)
    for name, find in finders(config.detectors).items():
        cut = right(Predictor(detector=find), pictures)
        pairs = [(ours, theirs) for ours, theirs in zip(cut, whole, strict=True) if ours is not None]
        ours, theirs = (sum(map(bool, side)) / len(pairs) for side in zip(*pairs, strict=True))
        print(
            f"{name}: found {len(pairs) / len(cut):.1%} of {len(cut)} faces of FER+ valid; "
            f"accuracy on them {ours:.1%}, as they were cut for training {theirs:.1%}"
        )


def count(find: Any, some: list[tuple[Any, list[tuple[int, int]]]]) -> tuple[int, int, int]:
    """Faces found, faces there are, and boxes that hold none of them; a box is of one face, a face has one box."""
    found, faces, others = 0, 0, 0
    for pixels, middles in some:
        boxes = [face.box for face in find(pixels)]
        used: set[int] = set()
        for a, b in middles:
            holds = (n for n, (x, y, w, h) in enumerate(boxes) if x < a < x + w and y < b < y + h)
            used |= set([n for n in holds if n not in used][:1])
        found, faces, others = found + len(used), faces + len(middles), others + len(boxes) - len(used)
    return found, faces, others


def measure(config: DetectorsConfig) -> None:
    import cv2
    import numpy as np

    from fra_zoo.data import create_dataset
    from fra_zoo.data.pixels.opening import open_rgb

    cv2.setNumThreads(1)
    rows = create_dataset("lfw", "train", config.lfw).dataset
    chosen = np.linspace(0, len(rows) - 1, config.images).round().astype(int).tolist()
    kinds = pictures([open_rgb(rows[row]["image"]) for row in chosen])
    for name, find in finders(config.detectors).items():
        for kind, some in kinds.items():
            find(some[0][0])
            began = time.process_time()
            found, faces, others = count(find, some)
            rate = len(some) / (time.process_time() - began)
            print(
                f"{name}, {kind}: found {found / faces:.1%} of {faces} faces, {others} other boxes in {len(some)} "
                f"pictures, {rate:.3g} pictures/s"
            )


def main(config: DetectorsConfig) -> None:
    if config.lfw is None and config.ferplus is None:
        raise FraZooError("config: lfw is missing; give the root of LFW, or --ferplus")
    if config.lfw is not None:
        measure(config)
    if config.ferplus is not None:
        answers(config)


if __name__ == "__main__":
    with one_line_errors():
        main(parse(DetectorsConfig, sys.argv[1:]))
