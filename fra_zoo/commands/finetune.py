"""Train a classifier of expressions.

fra-zoo finetune [--config FILE] [--key value ...]
"""

from fra_zoo.train.finetune import finetune as run

__all__ = ["run"]
