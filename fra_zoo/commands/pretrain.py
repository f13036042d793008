"""Train a method on faces without labels.

fra-zoo pretrain [--config FILE] [--key value ...]
"""

from fra_zoo.train.pretrain import pretrain as run

__all__ = ["run"]
