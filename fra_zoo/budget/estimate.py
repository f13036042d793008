"""What a pre-training run will take, before it is paid for.

Floating-point operations and memory are counted on a real step of two faces on the CPU. The rate comes from a short
measurement here, or from a published rate of supervised ResNet-50 training scaled by the operations: a ceiling, since
it takes for granted that data never waits and that the method's layers run as well as ResNet-50's.
"""

from __future__ import annotations

from dataclasses import dataclass

from fra_zoo.budget.count import count_step, measure
from fra_zoo.budget.hardware import HARDWARE, REFERENCE_FLOPS
from fra_zoo.config.fields import COUNT, POSITIVE, SIDE, WEIGHT, Options, option
from fra_zoo.config.sections import section
from fra_zoo.methods.parts.method import Method
from fra_zoo.methods.parts.method_config import MethodChoice
from fra_zoo.models.model_config import BackboneConfig

_STATES = {"lars": 1, "sgd": 1, "adam": 2, "adamw": 2}


@dataclass
class BudgetConfig(Options):
    """What a pre-training run will take."""

    method: MethodChoice = section(MethodChoice)
    backbone: BackboneConfig = section(BackboneConfig, name="resnet50")
    image_size: int = option(224, "side of the images that the network sees, in pixels", SIDE)
    images: float = option(3.3e6, "number of images in the dataset", at_least=1)
    epochs: int | None = option(None, "number of passes over the images; by default the method's", COUNT)
    batch_size: int | None = option(
        None, "number of images in a step over all GPUs; by default the method's", at_least=2
    )
    gpus: int = option(1, "number of GPUs", at_least=1, at_most=1_000_000)
    gpu: str = option("a100", "kind of GPU, one whose rate is published", choices=tuple(HARDWARE))
    shard: bool = option(False, "split weights, gradients and optimizer state over the GPUs")
    gradient_checkpointing: bool = option(False, "save memory and take longer, as in a run with this option")
    measure: bool = option(False, "time a few steps on this machine's device instead of using a published rate")
    image_kb: float = option(17.0, "size of a stored image, in kilobytes", POSITIVE)
    price: float | None = option(None, "price of a GPU for an hour, in your currency", WEIGHT)


@dataclass(frozen=True)
class Budget:
    """What a run takes.

    Attributes:
        flops: of an image in a step, forward and backward, all views and networks.
        parameters, trainable: numbers of weights, the target network's included.
        weight_bytes: weights, their bf16 copies, gradients and optimizer state, on one GPU.
        activation_bytes: what the backward pass keeps for one image.
        per_gpu: images in a GPU's batch.
        rate: images/s of one GPU.
        scaling: share of that rate that each of several GPUs keeps.
        seconds: of the whole run.
    """

    flops: float
    parameters: int
    trainable: int
    weight_bytes: float
    activation_bytes: float
    per_gpu: int
    rate: float
    scaling: float
    seconds: float

    @property
    def step_bytes(self) -> float:
        """Memory of a step of one GPU."""
        return self.weight_bytes + self.per_gpu * self.activation_bytes


def budget(method: Method, config: BudgetConfig) -> Budget:
    """Count and time a step; with `gradient_checkpointing` the method is changed, as `Task.recompute` says."""
    if config.gradient_checkpointing:
        method.enable_checkpointing()
    optim = method.optim.replace(batch_size=config.batch_size, epochs=config.epochs)
    flops, an_image, once = count_step(method)
    parameters = sum(p.numel() for p in method.parameters())
    trainable = sum(p.numel() for p in method.parameters() if p.requires_grad)
    per_gpu = -(-optim.batch_size // config.gpus)
    hardware = HARDWARE[config.gpu]
    if config.measure:
        rate, scaling = measure(method, min(per_gpu, 64)), 1.0
    else:
        rate = hardware.one * REFERENCE_FLOPS / flops
        scaling = hardware.eight / (8 * hardware.one) if hardware.eight and config.gpus > 1 else 1.0
    parts = config.gpus if config.shard else 1
    total = config.images * optim.epochs
    return Budget(
        flops=flops,
        parameters=parameters,
        trainable=trainable,
        weight_bytes=4.0 * (parameters + trainable * (1 + _STATES[optim.optimizer])) / parts + once,
        activation_bytes=an_image,
        per_gpu=per_gpu,
        rate=rate,
        scaling=scaling,
        seconds=total / (rate * scaling * config.gpus),
    )
