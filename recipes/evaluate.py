"""Evaluate a backbone: linear probe, kNN, FER metrics, face verification, region score.

python recipes/evaluate.py --model local-dir:runs/fra_synthetic --evaluators probe,knn,regions
python recipes/evaluate.py --model local-dir:RUN --evaluators verification --dataset parquet \
        --root LFW --pairs LFW/pairs.txt
accelerate launch --config_file recipes/launch/eight_gpus.yaml recipes/evaluate.py … --workers 4    # all GPUs embed
"""

import sys

from fra_zoo.cli import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
