"""From photos and videos to expressions: `Predictor`."""

from fra_zoo.predict.detect import list_detectors
from fra_zoo.predict.predictor import Predictor
from fra_zoo.predict.results import Face, Prediction

__all__ = ["Face", "Prediction", "Predictor", "list_detectors"]
