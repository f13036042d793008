"""Speed of a training step against the passes that any such method must pay, on one machine in one process.

    python recipes/benchmark.py --backbone resnet50 --image_size 112 --batch_size 16
    python recipes/benchmark.py --backbone resnet18 --image_size 48 --batch_size 64 --method_args '{"hidden_dim": 1024}'

    python recipes/benchmark.py --methods '[fra, fra/official, byol]' --batch_size 64 --image_size 224 --compile true

    python recipes/benchmark.py --methods '[fra]' --batch_size 8 --gradient_checkpointing true

    python recipes/benchmark.py --updates true --backbone resnet50

    python recipes/benchmark.py --photos LFW --images 500 --detector yunet

The bare passes are two forward-backward and two forward passes of the backbone, in the same precision and layout. A
method's step is all of it: views from uint8 images, forward, backward, optimizer, moving average. The sides take turns,
and each round gives a ratio; the median is what to quote. A method is NAME or NAME/PRESET. With --compile each side is
measured a second time with its forward pass compiled; ratios are to the bare passes as they are. So it
is with --gradient_checkpointing, and what a step keeps is counted. Peak memory is the process's (CPU) or the
allocator's (GPU).

With --updates it is the update alone, of FRA's weights: LARS beside timm's, AdamW beside torch's.

With --photos it is prediction that is measured, by --model or else the classifier that comes with the package: photos
to boxes and expressions, beside the package `fer` where that is installed (`pip install --no-deps fer` and tensorflow):
images with a face, and images/s; `--threads N` leaves both sides N cores. `fer` finds faces by OpenCV's cascade, as
`--detector haar` does. `--flip_average false` looks once at a face.
"""

import io
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from fra_zoo.config import parse
from fra_zoo.config.fields import COUNT, SIDE, Options, option
from fra_zoo.errors import one_line_errors
from fra_zoo.runtime.cpu import use_cpu


@dataclass
class BenchmarkConfig(Options):
    backbone: str = "resnet50"
    backbone_args: dict[str, Any] = option({})
    image_size: int = option(112, range=SIDE)
    batch_size: int = option(16, at_least=2)
    rounds: int = option(5, range=COUNT)
    threads: int | None = option(None, range=COUNT)
    methods: list[str] = field(default_factory=lambda: ["fra", "byol"])
    method_args: dict[str, Any] = option({})
    optimizer: str = "lars"
    compile: bool = False
    gradient_checkpointing: bool = False
    updates: bool = False
    photos: str | None = None
    model: str | None = None
    detector: str = "auto"
    flip_average: bool | None = None
    images: int = option(500, range=COUNT)


def main(words: list[str]) -> None:
    from fra_zoo.budget.count import count_step, whole_step
    from fra_zoo.methods import create_method
    from fra_zoo.models.build import build_backbone
    from fra_zoo.runtime.devices import autocast_for
    from fra_zoo.train.optimizers import build_optimizer

    config = parse(BenchmarkConfig, words)
    if config.photos is not None:
        return predictions(config)
    use_cpu(config.threads)
    if config.updates:
        return updates(config)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":  # as a run has it
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    options = config.backbone_args
    size = config.image_size

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    def bare(compiled: bool) -> Callable[[], None]:
        net: Any = build_backbone(config.backbone, size, **options)
        net.to(device, memory_format=torch.channels_last)
        features = torch.compile(net.forward_features) if compiled else net.forward_features
        x = torch.randn(config.batch_size, 3, size, size, device=device).to(memory_format=torch.channels_last)

        def passes() -> None:
            with autocast_for(device):
                for _ in range(2):
                    features(x).float().mean().backward()
                with torch.no_grad():
                    for _ in range(2):
                        features(x)
            net.zero_grad(set_to_none=True)

        return passes

    def step_of(name: str, compiled: bool, recompute: bool = False) -> Callable[[], None]:
        kind, _, preset = name.partition("/")
        method: Any = create_method(
            kind,
            config.backbone,
            image_size=size,
            preset=preset or None,
            backbone_args=options,
            **config.method_args,
        )
        if recompute:
            method.enable_checkpointing()
        if config.gradient_checkpointing:
            flops, kept, _ = count_step(method)
            how = "recomputed" if recompute else "as it is"
            print(f"{name}, {how}: {flops / 1e9:.1f} GFLOP and {kept / 2**20:.1f} MiB kept an image")
        method.to(device, memory_format=torch.channels_last)
        if compiled:
            method.compile()
        optimizer = build_optimizer(config.optimizer, method.param_groups(1e-6), 1e-3)

        def step() -> None:
            whole_step(method, optimizer, config.batch_size, device)

        return step

    sides = {}
    for compiled in (False, True) if config.compile else (False,):
        more = ", compiled" if compiled else ""
        sides |= {f"bare{more}": bare(compiled)} | {f"{name}{more}": step_of(name, compiled) for name in config.methods}
    if config.gradient_checkpointing:
        sides |= {f"{name}, recomputed": step_of(name, False, recompute=True) for name in config.methods}
    seconds = in_turns(sides, config.rounds, wait)
    print(f"{config.backbone} at {size} px, batch {config.batch_size}, {device}, {torch.get_num_threads()} threads")
    results = {}
    for name, times in seconds.items():
        ratios = [b / t for b, t in zip(seconds["bare"], times, strict=True)]
        results[name] = {"samples_per_second": config.batch_size / statistics.median(times)}
        line = f"{name:>{max(map(len, sides))}}: {results[name]['samples_per_second']:8.1f} samples/s"
        if name != "bare":
            results[name]["ratio"] = statistics.median(ratios)
            line += f", {statistics.median(ratios):.2f} of the bare passes ({min(ratios):.2f} to {max(ratios):.2f})"
        print(line)
    peak = (
        torch.cuda.max_memory_allocated()
        if device.type == "cuda"
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    print(f"peak memory of the process, all sides: {peak / 2**30:.2f} GiB")
    print(json.dumps(results))


def in_turns(
    sides: dict[str, Callable[[], Any]], rounds: int, wait: Callable[[], None] = lambda: None
) -> dict[str, list[float]]:
    """Seconds of each side in each round, after three runs that are not counted; `wait` is for the device."""
    for run in sides.values():
        for _ in range(3):
            run()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            wait()
            started = time.perf_counter()
            run()
            wait()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def updates(config: BenchmarkConfig) -> None:
    from timm.optim.lars import Lars

    from fra_zoo.methods import create_method
    from fra_zoo.train.adam import FusedAdamW
    from fra_zoo.train.lars import FusedLars

    rivals: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "LARS": ({"momentum": 0.9}, {"timm": Lars, "fra_zoo": FusedLars}),
        "AdamW": ({"fused": True}, {"torch": torch.optim.AdamW, "fra_zoo": FusedAdamW}),
    }
    for update, (settings, kinds) in rivals.items():
        sides: dict[str, Callable[[], Any]] = {}
        for name, kind in kinds.items():
            method = create_method("fra", config.backbone, image_size=config.image_size, **config.method_args)
            groups = method.to(memory_format=torch.channels_last).param_groups(1e-6)  # type: ignore[call-overload]
            for weight in method.parameters():
                weight.grad = torch.randn_like(weight) if weight.requires_grad else None
            sides[name] = kind(groups, lr=1e-3, **settings).step
        times = in_turns(sides, config.rounds)
        usual = times[next(iter(kinds))]
        ratios = [theirs / ours for theirs, ours in zip(usual, times["fra_zoo"], strict=True)]
        taken = ", ".join(f"{name} {1000 * statistics.median(times[name]):.1f} ms" for name in sides)
        print(f"{update} over {config.backbone}, cpu, {torch.get_num_threads()} threads: {taken}")
        print(f"fra_zoo is {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})")


def predictions(config: BenchmarkConfig) -> None:
    import numpy as np
    import PIL.Image

    from fra_zoo.data import create_dataset
    from fra_zoo.data.inspect import recognise
    from fra_zoo.data.pixels.opening import image_bytes
    from fra_zoo.io.paths import user_path
    from fra_zoo.predict import Predictor
    from fra_zoo.predict.predictor import default_classifier

    if config.threads is not None and hasattr(os, "sched_setaffinity"):  # for whatever threads either side starts
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: config.threads])
    use_cpu(config.threads)
    name, _ = recognise(user_path(config.photos or "", "photos"))
    rows = create_dataset(name, "train", config.photos).dataset
    chosen = np.linspace(0, len(rows) - 1, min(config.images, len(rows))).round().astype(int).tolist()
    photos = [rows[row]["image"] for row in chosen]
    files = [image_bytes(photo) for photo in photos]
    model = config.model or default_classifier()
    predictor = Predictor(model, detector=config.detector, flip_average=config.flip_average)
    sides: dict[str, Callable[[list[bytes]], int]] = {
        "fra_zoo": lambda part: sum(bool(one.faces) for one in predictor.stream(part))
    }
    try:
        from fer.fer import FER  # pyright: ignore[reportMissingImports]

        other = FER()

        def theirs(part: list[bytes]) -> int:
            found = 0
            for file in part:
                pixels = np.array(PIL.Image.open(io.BytesIO(file)).convert("RGB"))[:, :, ::-1]
                found += bool(other.detect_emotions(np.ascontiguousarray(pixels)))
            return found

        sides["fer"] = theirs
    except ImportError as error:
        print(f"fer is not measured: {error}")
    for run in sides.values():
        run(files[:8])
    parts = [files[start :: config.rounds] for start in range(config.rounds)]
    found = dict.fromkeys(sides, 0)
    speed: dict[str, list[float]] = {side: [] for side in sides}
    for part in parts:
        for side, run in sides.items():
            started = time.perf_counter()
            found[side] += run(part)
            speed[side].append(len(part) / (time.perf_counter() - started))
    print(f"{len(files)} photos of {name}, {model}, detector {predictor.detector}, {torch.get_num_threads()} threads")
    for side, rates in speed.items():
        line = f"{side:>8}: a face in {found[side] / len(files):.1%}, {statistics.median(rates):.1f} images/s"
        if side != "fra_zoo":
            ratios = [ours / its for ours, its in zip(speed["fra_zoo"], rates, strict=True)]
            line += (
                f"; fra_zoo is {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})"
            )
        print(line)


if __name__ == "__main__":
    with one_line_errors():
        main(sys.argv[1:])
