"""What is BYOL's own: the recipe of its published presets."""

from __future__ import annotations

from tests.methods import make


def test_the_recipe_is_that_of_the_published_100_epochs():
    method = make("byol")
    optim = method.optim
    assert (optim.epochs, optim.lr_per_256, optim.weight_decay, optim.max_warmup_epochs) == (100, 0.45, 1e-6, 10)
    assert method.config.ema_momentum == 0.99
