"""Sentences for faces: captions from labels, and prompts for classes. One template, so that both meet."""

from __future__ import annotations

from fra_zoo.labels import LabelSpace
from fra_zoo.labels.votes import NO_LABEL

PLAIN = "a photo of a face"
_ADJECTIVES = {
    "neutral": "neutral",
    "happiness": "happy",
    "surprise": "surprised",
    "sadness": "sad",
    "anger": "angry",
    "disgust": "disgusted",
    "fear": "fearful",
    "contempt": "contemptuous",
}


def prompt(name: str) -> str:
    """The sentence for a class, such as "a photo of a happy face"."""
    word = _ADJECTIVES.get(name, name)
    return f"a photo of {'an' if word[0] in 'aeiou' else 'a'} {word} face"


def caption(label: int, labels: LabelSpace) -> str:
    """The sentence for a labelled face; without a label (`NO_LABEL`) it says that it is a face."""
    return PLAIN if label == NO_LABEL else prompt(labels.classes[label])
