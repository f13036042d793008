"""Label spaces: which class is which number, and how one order becomes another.

Every dataset and model of the field has its own order, so bare class numbers never cross a module border here: a
`LabelSpace` goes with them. The canonical order is AffectNet's.
"""

from __future__ import annotations

from dataclasses import dataclass

from fra_zoo.errors import FraZooError, nearest


@dataclass(frozen=True)
class LabelSpace:
    """An ordered set of class names.

    Attributes:
        name: what the order is called, such as `ferplus`.
        classes: class names; the position is the class number.
    """

    name: str
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            raise FraZooError(f"label space '{self.name}' names a class twice: {', '.join(self.classes)}")

    def __len__(self) -> int:
        return len(self.classes)

    def index(self, label: str) -> int:
        """The number of a class; an unknown class raises `FraZooError`."""
        if label not in self.classes:
            raise FraZooError(f"'{label}' is not in label space '{self.name}'; {nearest(label, self.classes)}")
        return self.classes.index(label)

    def permutation_to(self, other: LabelSpace) -> list[int]:
        """`perm[i]` is the number in `other` of class `i` of this space; every class must exist there."""
        return [other.index(label) for label in self.classes]

    def check(self, label: int, where: str) -> int:
        """`label` itself, or `FraZooError` if it is outside the space; `where` names the sample."""
        if not 0 <= label < len(self):
            raise FraZooError(
                f"{where}: label {label} is outside label space '{self.name}' (0 to {len(self) - 1}: "
                f"{', '.join(self.classes)}); fix the label or choose the dataset's own label space"
            )
        return label


def _space(name: str, classes: str) -> LabelSpace:
    return LabelSpace(name, tuple(classes.split()))


CANONICAL = _space("affectnet8", "neutral happiness sadness surprise fear disgust anger contempt")
AFFECTNET7 = LabelSpace("affectnet7", CANONICAL.classes[:7])
FERPLUS = _space("ferplus", "neutral happiness surprise sadness anger disgust fear contempt")
FERPLUS_VOTES = LabelSpace("ferplus_votes", (*FERPLUS.classes, "unknown", "NF"))
FER2013 = _space("fer2013", "anger disgust fear happiness sadness surprise neutral")
FER2013_FOLDERS = _space("fer2013_folders", "anger disgust fear happiness neutral sadness surprise")
RAFDB = _space("rafdb", "surprise fear disgust happiness sadness anger neutral")

LABEL_SPACES = {
    space.name: space for space in (CANONICAL, AFFECTNET7, FERPLUS, FERPLUS_VOTES, FER2013, FER2013_FOLDERS, RAFDB)
}
