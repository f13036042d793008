"""Pre-train a self-supervised method on faces.

    accelerate launch recipes/pretrain.py                  # FRA on synthetic faces: configs/fra_synthetic.yaml
    accelerate launch recipes/pretrain.py --config recipes/configs/FILE.yaml --key value …

Writes a run folder (`--output`); `--resume auto` continues it.
"""

import sys
from pathlib import Path

from fra_zoo.cli import main

DEFAULT = Path(__file__).parent / "configs" / "fra_synthetic.yaml"

if __name__ == "__main__":
    main(["pretrain", *(sys.argv[1:] or ["--config", str(DEFAULT)])])
