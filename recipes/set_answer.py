"""Give an exported classifier the class prior that it expects by default, and the confidence below which it is unsure.

    python recipes/set_answer.py RUN --prior 0.25 --root FERPLUS [--luminance true] [--dev DEV.csv --lfw LFW]

The shift of the logits goes into the classifier's bias, so that timm, transformers and ONNX answer alike; the export
says which prior it has now. The threshold is chosen on valid: of the faces below it at most half are right. With --dev,
a table of labelled LFW photos, what comes of both is printed for several priors; nothing is chosen by it here. Run it
once on a fresh export. A minute.
"""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fra_zoo.config import parse, place_words
from fra_zoo.config.fields import COUNT, PROBABILITY, Options, option
from fra_zoo.errors import one_line_errors

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass
class AnswerOptions(Options):
    root: str | None = option(None, "root of FER+, whose valid chooses the threshold", private=True)
    prior: float = option(0.0, "strength by which the training prior is divided out: 0 natural, 1 even", PROBABILITY)
    dev: str | None = option(None, "table of labelled LFW photos to print numbers for", private=True)
    lfw: str | None = option(None, "root of LFW", private=True)
    luminance: bool = option(False, "make the classifier read luminance alone, as one trained on gray faces should")
    threads: int | None = option(None, "CPU threads; default: all cores", COUNT)


def probabilities_on_valid(model: Any, root: str | None) -> tuple[Any, Any]:
    """Probabilities and labels of FER+ valid."""
    from functools import partial

    from fra_zoo.data import create_dataset
    from fra_zoo.data.pixels.faces import Faces
    from fra_zoo.evaluate.classifying import predict
    from fra_zoo.evaluate.sharing import shard_loader
    from fra_zoo.models.answer import class_probabilities
    from fra_zoo.models.preprocessing import eval_view_of, load_size

    view = eval_view_of(model)
    faces = Faces(create_dataset("ferplus", "valid", root).labelled(), load_size(model, view.size))
    return predict(partial(class_probabilities, model), shard_loader(faces), view)


def main(words: list[str]) -> None:
    from safetensors.torch import save_file

    from fra_zoo import create_dataset, create_model
    from fra_zoo.data.splits import class_shares
    from fra_zoo.evaluate.calibration import uncertain_threshold
    from fra_zoo.evaluate.metrics import classification_metrics
    from fra_zoo.io.files import write_whole
    from fra_zoo.io.weights import CONFIG, WEIGHTS, export_folder, read_safetensors
    from fra_zoo.models.answer import ANSWER, answer_config, shift_classifier
    from fra_zoo.models.luminance import read_luminance, use_gray_normalization
    from fra_zoo.runtime.cpu import use_cpu

    (run,), rest = place_words(words, "set_answer.py RUN", 1)
    config = parse(AnswerOptions, rest)
    use_cpu(config.threads)
    folder: Path = export_folder(run)
    model: Any = create_model(f"local-dir:{folder}").eval()
    answer = answer_config(model)
    labels = json.loads((folder / CONFIG).read_text())["label_names"]
    if not answer.class_prior:  # an export of before priors were stated
        train = create_dataset("ferplus", "train", config.root).for_scheme("cross_entropy")
        shares = tuple(class_shares(train).tolist())
        answer = replace(answer, class_prior=shares, train_prior=shares)
    if config.luminance:
        use_gray_normalization(model)
        read_luminance(model)
    p, y = probabilities_on_valid(model, config.root)
    for strength in STRENGTHS:
        moved = (p.log() + answer.shift(strength, labels)).softmax(1)
        numbers = classification_metrics(moved, y)
        print(f"valid, prior {strength}: " + ", ".join(f"{name} {value:.4f}" for name, value in numbers.items()))
    shift = answer.shift(config.prior, labels)
    shift_classifier(model.get_classifier(), shift)
    moved = (p.log() + shift).softmax(1)
    answer = replace(
        answer, class_prior=answer.target(config.prior, labels), uncertain_below=round(uncertain_threshold(moved, y), 3)
    )
    confidence, predicted = moved.max(1)
    unsure = confidence < answer.uncertain_below
    right = (predicted == y).float()
    print(
        f"uncertain below {answer.uncertain_below}: {unsure.float().mean():.1%} of valid, of which "
        f"{right[unsure].mean():.1%} are right, of the others {right[~unsure].mean():.1%}"
    )
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    kinds = {name: value.dtype for name, value in read_safetensors(folder / WEIGHTS).items()}
    save_file({name: value.to(kinds[name]) for name, value in state.items()}, folder / WEIGHTS)
    exported = json.loads((folder / CONFIG).read_text())
    exported["pretrained_cfg"] |= {name: list(model.pretrained_cfg[name]) for name in ("mean", "std")}
    write_whole(folder / CONFIG, json.dumps(exported | {ANSWER: answer.to_dict()}, indent=2) + "\n")
    if config.dev is not None:
        for strength in STRENGTHS:
            print(f"dev, prior {strength}: {on_photos(str(folder), strength, config)}")


def on_photos(model: str, prior: float, config: AnswerOptions) -> str:
    """Accuracy on labelled photos of LFW at one prior."""
    from fra_zoo import Predictor, create_dataset
    from fra_zoo.predict.labelled_photos import photo_accuracy, photos_of_dataset

    assert config.dev is not None
    photos, _ = photos_of_dataset(config.dev, create_dataset("lfw", "train", config.lfw))
    numbers = photo_accuracy(Predictor(model, prior=prior), photos)
    names = ("accuracy", "accuracy_all_agree", "mean_of_common_classes", "ece")
    return ", ".join(f"{name} {numbers[name]:.4f}" for name in names)


if __name__ == "__main__":
    with one_line_errors():
        main(sys.argv[1:])
