"""Gradio, which is an extra; whoever draws or serves the page takes it from here.

Raises `FraZooError` when it is imported without Gradio.
"""

from __future__ import annotations

import os

from fra_zoo.errors import FraZooError

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when Gradio is imported: no statistics are sent
try:
    import gradio
except ImportError as error:
    raise FraZooError(f"the demo needs {error.name}: pip install 'fra-zoo[demo]'") from error

__all__ = ["gradio"]
