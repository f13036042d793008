"""The best detector that can be had."""

from __future__ import annotations

import logging

from fra_zoo.io.hub_errors import HubError
from fra_zoo.predict.detector import DETECTORS, Chosen, make_detector

_log = logging.getLogger(__name__)


@DETECTORS.register("auto")
def auto() -> Chosen:
    """`yunet` if its file is in the cache or the Hub answers, else `haar`, with one line that says why."""
    try:
        return make_detector("yunet")
    except HubError as error:
        _log.warning("faces are found by haar, which sees frontal ones alone, for yunet is not there: %s", error)
        return make_detector("haar")
