"""From photos and videos to expressions, `Predictor`, and to embeddings, `Embedder`."""

from fra_zoo.predict.detectors import list_detectors
from fra_zoo.predict.embedder import Embedder
from fra_zoo.predict.predictor import Predictor
from fra_zoo.predict.results import EmbeddedFace, Embeddings, Face, Prediction

__all__ = ["EmbeddedFace", "Embedder", "Embeddings", "Face", "Prediction", "Predictor", "list_detectors"]
