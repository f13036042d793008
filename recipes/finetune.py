"""Fine-tune a backbone for facial expressions, or train a linear classifier on it.

    accelerate launch recipes/finetune.py --model local-dir:runs/fra_synthetic
    accelerate launch recipes/finetune.py --config recipes/configs/finetune_fra_protocol.yaml --root FERPLUS

Chooses the epoch on `valid` and looks at `test` once; numbers are in `results.json` of the run folder.
"""

import sys

from fra_zoo.cli import main

if __name__ == "__main__":
    main(["finetune", *sys.argv[1:]])
