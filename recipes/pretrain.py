"""Pre-train a self-supervised method on faces.

    accelerate launch recipes/pretrain.py                                   # FRA on synthetic faces, nothing needed
    accelerate launch recipes/pretrain.py --config recipes/configs/FILE.yaml --key value …

Writes a run folder (`--output`); `--resume auto` continues it.
"""

import sys

from fra_zoo.errors import one_line_errors

if __name__ == "__main__":
    with one_line_errors():
        from fra_zoo.train.pretrain import pretrain

        pretrain(sys.argv[1:])
