"""Checkpoints of other code as our exports and methods."""

from fra_zoo.hub.foreign.checkpoint import Converted, convert_checkpoint, method_from_checkpoint
from fra_zoo.hub.foreign.layout import list_layouts

__all__ = ["Converted", "convert_checkpoint", "list_layouts", "method_from_checkpoint"]
