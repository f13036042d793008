"""Five landmarks of every face of a dataset, by YuNet, as a table for `--evaluators landmarks`.

python recipes/landmarks.py --dataset parquet --root LFW --yunet yunet_n_320_320.onnx --output lfw_landmarks.csv

The network's file is OpenCV Zoo's or libfacedetection.train's (MIT); it needs OpenCV
(`pip install 'fra-zoo[predict]'`).
2 CPU cores: 115 photos a second at 250 px. Photos in which no face is found have no line.
"""

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fra_zoo.config import parse
from fra_zoo.config.fields import COUNT, Options, option
from fra_zoo.errors import FraZooError, one_line_errors


@dataclass
class LandmarksConfig(Options):
    dataset: str = "parquet"
    root: str | None = None
    dataset_args: dict[str, Any] = option({})
    split: str = "train"
    yunet: str = "face_detection_yunet.onnx"
    images: int | None = option(None, range=COUNT)
    output: str = "landmarks.csv"


def points(network: Any, image: Any) -> list[float] | None:
    """x and y of the most central face's landmarks, as shares of the sides, left to right as they lie in the image."""
    import cv2
    import numpy as np

    pixels = cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR)
    height, width = pixels.shape[:2]
    network.setInputSize((width, height))
    _, faces = network.detect(pixels)
    if faces is None:
        return None
    sides = np.array([width, height])
    centres = faces[:, :2] + faces[:, 2:4] / 2.0
    face = faces[np.abs(centres / sides - 0.5).sum(1).argmin()]
    five = face[4:14].reshape(5, 2) / sides
    eyes, mouth = (pair[pair[:, 0].argsort()] for pair in (five[:2], five[3:]))
    return np.concatenate([eyes, five[2:3], mouth]).ravel().tolist()


def rows(config: LandmarksConfig, network: Any) -> Iterator[tuple[int, list[float]]]:
    import PIL.Image
    from tqdm.auto import tqdm

    from fra_zoo.data import create_dataset

    options = config.dataset_args
    dataset: Any = create_dataset(config.dataset, config.split, config.root, **options).dataset
    found = 0
    for row in tqdm(range(min(len(dataset), config.images or len(dataset))), unit="image"):
        content = dataset[row]["image"]
        image = PIL.Image.open(io.BytesIO(content["bytes"]) if content.get("bytes") else content["path"])
        five = points(network, image)
        if five is not None:
            found += 1
            yield row, five
    print(f"{found} faces with landmarks: {config.output}")


def main(words: list[str]) -> None:
    import cv2

    from fra_zoo.data.disk.landmarks import write_landmarks

    config = parse(LandmarksConfig, words)
    if not Path(config.yunet).is_file():
        raise FraZooError(f"no such file: {config.yunet}; give YuNet's weights with --yunet FILE.onnx")
    write_landmarks(config.output, rows(config, cv2.FaceDetectorYN.create(config.yunet, "", (320, 320), 0.7)))


if __name__ == "__main__":
    with one_line_errors():
        main(sys.argv[1:])
