"""Serve a page that reads a photo, a video or the camera on this machine.

fra-zoo demo [--model MODEL] [--port N]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fra_zoo.config import parse
from fra_zoo.config.fields import Options, option

HOST = "127.0.0.1"
NO_REGIONS = "none"


@dataclass
class Config(Options):
    """Options of `demo`."""

    model: str | None = option(
        None, "run, export, zoo name with weights, or hf-hub:ORG/NAME; default: the one in the package", place=True
    )
    detector: str = option("auto", "name of the detector; auto is yunet; fra-zoo list names the others")
    regions: str = option("fra_resnet18", "a pre-trained method whose regions can be shown, or none", place=True)
    host: str = option(HOST, "address to listen on; 127.0.0.1 is reached from this machine alone")
    port: int | None = option(None, "port to listen on; default: a free one from 7860", at_least=1, at_most=65535)


def run(argv: Sequence[str]) -> None:
    """Serve the page until it is stopped."""
    config = parse(Config, argv)
    from fra_zoo.demo.page import ELSEWHERE, HERE, build_page  # Gradio is an extra
    from fra_zoo.demo.serve import is_loopback, passing_files, serve, wait

    alone = is_loopback(config.host)
    regions = None if config.regions == NO_REGIONS else config.regions
    with passing_files():
        note = HERE if alone else ELSEWHERE
        page = build_page(config.model, detector=config.detector, regions=regions, note=note)
        address = serve(page, config.host, config.port)
        reach = "this machine alone reaches it" if alone else "OTHER MACHINES REACH IT"
        print(f"{address}  {reach}; Ctrl-C ends it", flush=True)
        wait(page)
