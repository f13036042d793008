"""Configuration: a dataclass of sections, filled from YAML files and `--key value`, with errors that name the key.

    method: {name: fra, regions: 8}
    optim: {optimizer: adamw, lr: 1.0e-3, epochs: 20}

A key may be written with its section (`--optim.epochs 2`, `optim: {epochs: 2}`), or alone where one section alone has
it (`--epochs 2`). A section that chooses a part, such as a method, takes that part's own keys too.
"""

from fra_zoo.config.argv import place_words
from fra_zoo.config.parsing import Reading, fill_options, parse, read
from fra_zoo.config.serialize import flat, may_change, plain, published

__all__ = ["Reading", "fill_options", "flat", "may_change", "parse", "place_words", "plain", "published", "read"]
