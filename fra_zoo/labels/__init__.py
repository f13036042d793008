"""Labels: class names and their orders, votes of annotators, sentences for classes."""

from fra_zoo.labels.spaces import (
    AFFECTNET7,
    CANONICAL,
    FER2013,
    FER2013_FOLDERS,
    FERPLUS,
    FERPLUS_VOTES,
    LABEL_SPACES,
    RAFDB,
    LabelSpace,
)

__all__ = [
    "AFFECTNET7",
    "CANONICAL",
    "FER2013",
    "FER2013_FOLDERS",
    "FERPLUS",
    "FERPLUS_VOTES",
    "LABEL_SPACES",
    "RAFDB",
    "LabelSpace",
]
