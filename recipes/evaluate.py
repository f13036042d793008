"""Evaluate a backbone: linear probe, kNN, FER metrics, face verification, region score.

python recipes/evaluate.py --model local-dir:runs/fra_synthetic --evaluators probe,knn,regions
python recipes/evaluate.py --model local-dir:RUN --evaluators verification --dataset parquet \
        --root LFW --pairs LFW/pairs.txt
accelerate launch --config_file recipes/launch/eight_gpus.yaml recipes/evaluate.py … --workers 4    # all GPUs embed
"""

import sys

from fra_zoo.errors import one_line_errors

if __name__ == "__main__":
    with one_line_errors():
        from fra_zoo.commands.evaluate import run

        run(sys.argv[1:])
