"""Reckon the time, the memory and the price of a pre-training before it is paid for.

fra-zoo plan --method NAME --backbone NAME --images N --gpus N [--gpu NAME] [--measure true]
"""

from fra_zoo.train.budget import plan_words as run

__all__ = ["run"]
