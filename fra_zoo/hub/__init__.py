"""Exports and the Hub: a run's weights for others, with everything that is known of them."""

from fra_zoo.hub.export import export_model
from fra_zoo.hub.publish import publish

__all__ = ["export_model", "publish"]
