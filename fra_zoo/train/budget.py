"""`fra-zoo plan`: what a pre-training run will take, before it is paid for.

Floating-point operations and memory are counted on a real step of two faces on the CPU. The rate comes from a short
measurement here, or from a published rate of supervised ResNet-50 training scaled by the operations: a ceiling, since
it takes for granted that data never waits and that the method's layers run as well as ResNet-50's.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from fra_zoo.config import parse
from fra_zoo.config.parts import section
from fra_zoo.cpu import use_cpu
from fra_zoo.devices import autocast_for
from fra_zoo.fields import COUNT, POSITIVE, SIDE, WEIGHT, Options, option
from fra_zoo.methods.base import Method
from fra_zoo.methods.config import MethodChoice
from fra_zoo.models.config import BackboneConfig
from fra_zoo.task import Batch
from fra_zoo.train.batch import ready
from fra_zoo.train.optim import build_optimizer

REFERENCE_FLOPS = 24.3e9  # ResNet-50 at 224 px, forward and backward, one image
PIL_DECODES_PER_SECOND = 2275  # JPEG of 224 px, one EPYC core
_FACES = 2
_STATES = {"lars": 1, "sgd": 1, "adam": 2, "adamw": 2}
_WARM, _TIMED = 2, 5


@dataclass(frozen=True)
class Hardware:
    """A published rate of supervised ResNet-50 training at 224 px in mixed precision, images/s.

    Attributes:
        one, eight: of one GPU, and of eight in one machine (None: not published).
        gib: memory of one.
        source: who measured it.
    """

    one: float
    eight: float | None
    gib: int
    source: str


_NVIDIA = "NVIDIA DeepLearningExamples, resnet50v1.5 README, AMP with DALI"
HARDWARE = {
    "v100": Hardware(1200, 8322, 16, _NVIDIA),
    "a100": Hardware(2470, 16621, 80, _NVIDIA),
    "rtx3090": Hardware(1218, None, 24, "timm, results/benchmark-train-amp-nhwc-pt112-cu113-rtx3090.csv"),
}


@dataclass
class BudgetConfig(Options):
    """What a pre-training run will take."""

    method: MethodChoice = section(MethodChoice)
    backbone: BackboneConfig = section(BackboneConfig, name="resnet50")
    image_size: int = option(224, "side of a view, pixels", SIDE)
    images: float = option(3.3e6, "images in the dataset", at_least=1)
    epochs: int | None = option(None, "default: the recipe's", COUNT)
    batch_size: int | None = option(None, "over all GPUs; default: the recipe's", at_least=2)
    gpus: int = option(1, "number of them", at_least=1, at_most=1_000_000)
    gpu: str = option("a100", "of a published rate", choices=tuple(HARDWARE))
    measure: bool = option(False, "time a few steps on this machine's device instead")
    image_kb: float = option(17.0, "kilobytes of a stored image", POSITIVE)
    price: float | None = option(None, "of a GPU for an hour, in your currency", WEIGHT)


@dataclass(frozen=True)
class Budget:
    """What a run takes.

    Attributes:
        flops: of an image in a step, forward and backward, all views and networks.
        parameters, trainable: numbers of weights, the target network's included.
        weight_bytes: weights, their bf16 copies, gradients and optimizer state.
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


def plan_words(argv: Sequence[str]) -> Budget:
    """Print the budget of a run as the words say; see `BudgetConfig`."""
    config = parse(BudgetConfig, argv)
    method = config.method.build(config.backbone, config.image_size)
    found = budget(method, config)
    print("\n".join(lines(found, config)))
    return found


def budget(method: Method, config: BudgetConfig) -> Budget:
    """Count and time a step."""
    optim = method.optim.but(batch_size=config.batch_size, epochs=config.epochs)
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
    total = config.images * optim.epochs
    return Budget(
        flops=flops,
        parameters=parameters,
        trainable=trainable,
        weight_bytes=4.0 * (parameters + trainable * (1 + _STATES[optim.optimizer])) + once,
        activation_bytes=an_image,
        per_gpu=per_gpu,
        rate=rate,
        scaling=scaling,
        seconds=total / (rate * scaling * config.gpus),
    )


def count_step(method: Method) -> tuple[float, float, float]:
    """Operations of an image in a step; bytes that the backward pass keeps for it in bf16; and once for all images."""
    few, more = (_kept_bytes(method, count) for count in (_FACES, 2 * _FACES))
    an_image = (more - few) / _FACES
    batch = random_batch(method, _FACES, torch.device("cpu"))
    with FlopCounterMode(display=False) as counter:
        method(batch)["loss"].backward()
    method.zero_grad(set_to_none=True)
    return counter.get_total_flops() / _FACES, an_image, few - _FACES * an_image


def _kept_bytes(method: Method, count: int) -> int:
    """Bytes kept for the backward pass of a batch, the weights themselves left out."""
    kept: dict[int, int] = {}
    own = {p.untyped_storage().data_ptr() for p in method.parameters()}

    def keep(x: torch.Tensor) -> torch.Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return x

    batch = random_batch(method, count, torch.device("cpu"))
    with torch.autocast("cpu", torch.bfloat16), torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        loss = method(batch)["loss"]
    del loss
    return sum(kept.values())


def measure(method: Method, size: int) -> float:
    """Images/s of whole steps on this machine's device: views, forward, backward, optimizer, moving average."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    use_cpu()
    network: Any = method.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = build_optimizer("sgd", network.param_groups(0.0), 0.0)
    seconds = []
    for _ in range(_WARM + _TIMED):
        started = time.perf_counter()
        whole_step(network, optimizer, size, device).item()
        seconds.append(time.perf_counter() - started)
    return size / sorted(seconds[_WARM:])[_TIMED // 2]


def whole_step(method: Method, optimizer: torch.optim.Optimizer, size: int, device: torch.device) -> Tensor:
    """One step on noise: views, forward, backward, optimizer, moving average; gives the loss."""
    batch = random_batch(method, size, device)
    with autocast_for(device):
        loss = method(batch)["loss"]
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    method.after_step(0, 100)
    return loss.detach()


def random_batch(method: Method, size: int, device: torch.device) -> Batch:
    """A batch of noise that goes the way of faces."""
    side = method.views[0].size
    faces = torch.randint(0, 256, (size, 3, side, side), dtype=torch.uint8, device=device)
    batch = {"image": faces, "index": torch.arange(size), "text": ["a photo of a face"] * size}
    return ready(method, batch, seed=0, epoch=0, device=device)


def lines(found: Budget, config: BudgetConfig) -> list[str]:
    """The budget in words."""
    hardware = HARDWARE[config.gpu]
    rate = found.rate * found.scaling * config.gpus
    hours = found.seconds / 3600
    gib = found.step_bytes / 2**30
    by = "measured here" if config.measure else f"ceiling by operations, from {hardware.source}"
    fits = "" if config.measure else f" of {hardware.gib}"
    out = [
        f"{config.method.name} over {config.backbone.name}, {config.image_size} px",
        f"  operations   {found.flops / 1e9:.1f} GFLOP an image and step",
        f"  weights      {found.parameters / 1e6:.1f} M, of them {found.trainable / 1e6:.1f} M trained",
        f"  memory       {gib:.1f} GiB{fits} for {found.per_gpu} images a GPU "
        f"({found.weight_bytes / 2**30:.2f} weights and optimizer, {found.activation_bytes / 2**20:.0f} MiB an image)",
        f"  rate         {found.rate:.0f} images/s a GPU, {rate:.0f} in all ({by})",
        f"  time         {hours:.1f} h, {hours * config.gpus:.0f} GPU hours",
        f"  data         {rate * config.image_kb / 1000:.0f} MB/s from storage, "
        f"{rate / PIL_DECODES_PER_SECOND:.1f} cores to decode (at 224 px)",
    ]
    if config.price is not None:
        out.append(f"  cost         {hours * config.gpus * config.price:.0f}")
    if not config.measure and gib > hardware.gib:
        out.append(f"  does not fit: take {_fitting(found, hardware)} images a GPU, or --gradient_accumulation_steps")
    return out


def _fitting(found: Budget, hardware: Hardware) -> int:
    return max(int((0.9 * hardware.gib * 2**30 - found.weight_bytes) / found.activation_bytes), 0)
