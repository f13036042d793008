"""Evaluate a backbone: linear probe, kNN, FER metrics, face verification, region score.

python recipes/evaluate.py --model local-dir:runs/fra_synthetic --evaluators probe,knn,regions
python recipes/evaluate.py --model local-dir:RUN --evaluators verification --dataset parquet \
        --root LFW --pairs LFW/pairs.txt
"""

import sys

from fra_zoo.errors import one_line_errors

if __name__ == "__main__":
    with one_line_errors():
        from fra_zoo.evaluate.command import evaluate_argv

        evaluate_argv(sys.argv[1:])
