"""The training loop, one for methods and objectives.

Everything random is a function of (seed, step) or (seed, epoch, sample), schedules are functions of the step, and
nothing asks the device for a number between log points. So a resumed run goes on exactly as if it had not stopped.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from tqdm.auto import tqdm

from fra_zoo.data.loading import FaceLoader
from fra_zoo.data.stream.streaming import ShardLoader
from fra_zoo.errors import FraZooError
from fra_zoo.runtime.distributed import use_rank0_buffers
from fra_zoo.task import Task
from fra_zoo.train.checkpoint import Checkpoint
from fra_zoo.train.fsdp import fill
from fra_zoo.train.plan import Plan
from fra_zoo.train.prepare_batch import ready
from fra_zoo.train.run_folder import RunFolder
from fra_zoo.train.step_metrics import StepMetrics
from fra_zoo.views.random import fold

Evaluate = Callable[[Task, int], dict[str, float]]
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Trainer:
    """Trains a task.

    Args:
        task: what is trained.
        optimizer: over the task's parameter groups.
        loader: this process's batches.
        plan: the numbers of the run: steps, rates, intervals.
        run: where everything is written.
        accelerator: device, precision and processes.
        evaluate: called with the bare task and the epoch, on every process, each with the buffers of the main one; the
            numbers of the main one are logged.
        export: called with the bare task at each checkpoint, on the main process.
        twin: of a task that is split over the processes, a copy that is not: evaluated and exported with its weights.
    """

    def __init__(
        self,
        task: Task,
        optimizer: torch.optim.Optimizer,
        loader: FaceLoader | ShardLoader,
        plan: Plan,
        run: RunFolder,
        accelerator: Accelerator,
        evaluate: Evaluate | None = None,
        export: Callable[[Task], Any] | None = None,
        twin: Task | None = None,
    ) -> None:
        self.task, self.loader, self.plan, self.run, self.accelerator = task, loader, plan, run, accelerator
        self.evaluate, self.export, self.twin = evaluate, export, twin
        # A split task is its own engine: evaluation mode is Accelerate's word for autocast without DDP.
        self.model = accelerator.prepare_model(task, device_placement=not twin, evaluation_mode=twin is not None)
        self.own_optimizer, self.optimizer = optimizer, accelerator.prepare_optimizer(optimizer)
        self._decays = [group["weight_decay"] for group in self.optimizer.param_groups]
        self.step = 0
        self.state: dict[str, Any] = {}
        self._began = time.perf_counter()
        self._stop = False  # this process was told to stop
        self.stopped_by: int | None = None  # the signal that ended the run early
        self._signal: int | None = None
        self._agreed = False  # all processes stop
        self._window = StepMetrics()

    def resume(self) -> None:
        """Go on from the newest whole checkpoint of the run folder; damaged ones are said and set aside."""
        self.state, damaged = self.run.load_newest(self.task, self.own_optimizer)
        self.step = self.state.pop("step")
        self._agree(damaged)
        self._say_other_processes(int(self.state.get("processes") or self.accelerator.num_processes))
        self._say_other_threads(int(self.state.get("threads") or torch.get_num_threads()))
        self.loader.restore(self.state.get("loaders", []))
        self._window.restore(self.state.pop("metrics", None))
        if self.accelerator.is_main_process:
            self.run.set_aside(self.step)
            if self.export is not None and self.twin is None:
                self.export(self.task)  # a kill may have left the export of an earlier step
            lines = self.run.forget_after(self.step)
            if lines:
                tqdm.write(
                    f"{lines} damaged line(s) of {self.run.metrics} were dropped: the run was cut off as it wrote"
                )

    def _agree(self, damaged: list[str]) -> None:
        """Say which checkpoints were passed over, and make sure that all processes took the same one."""
        steps = sorted(set(gather_object([self.step])))
        if len(steps) > 1:
            raise FraZooError(
                f"the processes read checkpoints of other steps ({', '.join(map(str, steps))}); see that every machine "
                "sees the same files, and run it again"
            )
        if self.accelerator.is_main_process:
            for line in damaged:
                tqdm.write(f"passed over a damaged checkpoint, going on from step {self.step}: {line}")

    def _say_other_processes(self, before: int) -> None:
        now = self.accelerator.num_processes
        if before == now or not self.accelerator.is_main_process:
            return
        stream = "; the stream begins a new pass over its shards" if isinstance(self.loader, ShardLoader) else ""
        tqdm.write(
            f"resumed on {now} process(es), before on {before}: order, views, masks and rates go on as they were, but "
            "batch norms that are not joined see batches of another size, dropout draws other numbers, and sums are "
            f"rounded otherwise{stream}. The result is as good, not bit-identical."
        )

    def _say_other_threads(self, before: int) -> None:
        now = torch.get_num_threads()
        if before != now and self.accelerator.device.type == "cpu" and self.accelerator.is_main_process:
            tqdm.write(
                f"resumed on {now} CPU thread(s), before on {before}: sums are rounded otherwise. The result is as "
                f"good, not bit-identical; --threads {before} keeps it so."
            )

    def fit(self) -> bool:
        """Train to the end of the plan; False if a signal stopped it early, after a checkpoint."""
        handlers = self._listen()
        bar = tqdm(
            total=self.plan.stop_step, initial=self.step, unit="step", disable=not self.accelerator.is_main_process
        )
        try:
            if self.step == 0:
                self._evaluate(epoch=0)
            elif self._owes_evaluation():
                self._evaluate(self.step // self.plan.steps_per_epoch)
                self.save()
            while self.step < self.plan.stop_step and not self._agreed:
                self._one_epoch(bar)
            self._report_bad_images()
            if self._agreed:
                self.stopped_by = self._signal or signal.SIGTERM
            return self.step >= self.plan.stop_step and not self._owes_evaluation()
        finally:
            bar.close()
            self.loader.close()
            self.run.lock.release()
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _one_epoch(self, bar: Any) -> None:
        plan = self.plan
        epoch, done = divmod(self.step, plan.steps_per_epoch)
        batches = self.loader.epoch(epoch, done * plan.optim.gradient_accumulation_steps)
        if done == 0:
            self._window.restart()
        while self.step < min((epoch + 1) * plan.steps_per_epoch, plan.stop_step):
            self._one_step(batches, epoch)
            bar.update(1)
            at_end = self.step % plan.steps_per_epoch == 0
            if self.step % plan.log_every == 0 or at_end or self.step == plan.stop_step:
                self._log(bar)
            if plan.save_steps and self.step % plan.save_steps == 0 and not at_end:
                self.save()
            if self._should_stop():
                self._check_finite()
                self.save()
                return
        at_end = self.step >= plan.stop_step
        if self._owes_evaluation():
            self._evaluate(epoch + 1)
        if at_end or (epoch + 1) % plan.save_every == 0:
            self.save()

    def _one_step(self, batches: Any, epoch: int) -> None:
        plan, accelerator = self.plan, self.accelerator
        self.model.train()
        self._set_schedules()
        self.task.before_step(self.step, plan.steps_per_epoch, plan.total_steps)
        for micro in range(plan.optim.gradient_accumulation_steps):
            started = time.perf_counter()
            batch = next(batches)
            self._window.waited += time.perf_counter() - started
            self._seed(micro)
            batch_here = ready(self.task, batch, seed=plan.seed, epoch=epoch, device=accelerator.device)
            last = micro == plan.optim.gradient_accumulation_steps - 1
            with nullcontext() if last else accelerator.no_sync(self.model):
                out = self.model(batch_here)
                accelerator.backward(out["loss"] / plan.optim.gradient_accumulation_steps)
            self._window.add(out, batch["index"], self.step)
        self._before_update()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.task.after_step(self.step, plan.total_steps)
        self.step += 1

    def _owes_evaluation(self) -> bool:
        """Whether an epoch has ended whose evaluation is due and was not made, such as where a signal came first."""
        plan = self.plan
        at_end = self.step >= plan.stop_step
        if self.step == 0 or not (at_end or self.step % plan.steps_per_epoch == 0):
            return False
        epoch = -(-self.step // plan.steps_per_epoch)
        due = at_end or (plan.evaluate_every and epoch % plan.evaluate_every == 0)
        return bool(due) and self.state.get("evaluated_step", 0) < self.step

    def _set_schedules(self) -> None:
        """Rates and weight decays of this step."""
        for group, decay in zip(self.optimizer.param_groups, self._decays, strict=True):
            group["lr"] = self.plan.rate(self.step, group.get("milestones")) * group.get("lr_scale", 1.0)
            group["weight_decay"] = decay * self.plan.decay_factor(self.step)

    def _before_update(self) -> None:
        """What the task, and then the clipping, does to the gradients."""
        plan = self.plan
        self.accelerator.unscale_gradients(self.optimizer)
        self.task.after_backward(self.step, plan.steps_per_epoch, plan.total_steps)
        if plan.optim.clip_grad:
            torch.nn.utils.clip_grad_norm_(self.task.parameters(), plan.optim.clip_grad)

    def _seed(self, micro: int) -> None:
        """Dropout and the like: a function of the seed, the step and the process."""
        key = torch.tensor(self.plan.seed, dtype=torch.int64)
        for word in (self.step, micro, self.accelerator.process_index):
            key = fold(key, word)
        torch.manual_seed(int(key) & 0x7FFF_FFFF_FFFF_FFFF)

    def _log(self, bar: Any) -> None:
        self._check_finite()
        numbers = self._window.numbers(self.plan.optim.batch_size)
        numbers["lr"] = self.plan.rate(self.step - 1)
        numbers["epoch"] = self.step / self.plan.steps_per_epoch
        self._window.restart()
        bar.set_postfix_str(
            f"loss {numbers['loss']:.3f}, lr {numbers['lr']:.2g}, {numbers['samples_per_second']:.0f} samples/s, "
            f"data wait {numbers['data_wait']:.0%}"
        )
        self.record(numbers)

    def record(self, numbers: dict[str, float]) -> None:
        """Put numbers into `metrics.jsonl` and the trackers."""
        if self.accelerator.is_main_process:
            self.run.log({"step": self.step, **numbers})
        self.accelerator.log(numbers, step=self.step)

    def _check_finite(self) -> None:
        found = self._window.first_bad()
        if found is not None:
            step, index = found
            raise FraZooError(
                f"the loss is not finite at step {step}; last good checkpoint: {self.run.latest() or 'none'}; "
                f"sample indices of the batch: {index}; try a smaller --lr, or --precision fp32"
            )

    def _count_time(self) -> None:
        """Keep the seconds of the whole run, and those of all its threads, in the state; those before a resume too."""
        now = time.perf_counter()
        for name, share in (("seconds", 1), ("core_seconds", torch.get_num_threads() * self.accelerator.num_processes)):
            self.state[name] = self.state.get(name, 0.0) + share * (now - self._began)
        self._began = now

    def save(self) -> None:
        """Checkpoint and export, once the loss is known to be finite."""
        self._check_finite()
        self._count_time()
        self.state |= {"processes": self.accelerator.num_processes, "threads": torch.get_num_threads()}
        self.state["loaders"] = gather_object([self.loader.state()])
        self.state["metrics"] = self._window.state()
        main = self.accelerator.is_main_process
        state = {"step": self.step, **self.state}
        checkpoint = Checkpoint.take(self.task, self.own_optimizer, state, keep=main)
        task = self._whole()
        if main:
            self.run.save(checkpoint, self.plan.keep)
            if self.export is not None:
                self.export(task)
        self.accelerator.wait_for_everyone()

    def _whole(self) -> Task:
        """The task with all its weights: itself, or where it is split its twin; every process takes part."""
        if self.twin is None:
            return self.task
        fill(self.twin, self.task)
        return self.twin

    def _evaluate(self, epoch: int) -> None:
        task = self._whole()
        if self.evaluate is not None:
            task.to(self.accelerator.device).eval()
            with use_rank0_buffers(task):
                numbers = self.evaluate(task, epoch)
            task.train()
            if numbers:
                self.record({**numbers, "epoch": epoch})
                if self.accelerator.is_main_process:
                    shown = ", ".join(f"{name} {value:.3f}" for name, value in numbers.items())
                    tqdm.write(f"epoch {epoch}: {shown}")
        self.state["evaluated_step"] = self.step
        self.accelerator.wait_for_everyone()
        self._window.restart()

    def _report_bad_images(self) -> None:
        report = self.loader.report()
        if report:
            tqdm.write(report)

    def _listen(self) -> dict[int, Any]:
        """Stop at the end of the step when a signal says so; gives the handlers before. Threads cannot listen."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._on_signal) for number in _STOP_SIGNALS}

    def _on_signal(self, number: int, frame: Any) -> None:
        self._stop, self._signal = True, number
        for again in _STOP_SIGNALS:
            signal.signal(again, signal.SIG_DFL)  # the second one ends the process at once, even in a step that hangs
        tqdm.write("stopping after this step, with a checkpoint; a second signal ends the run at once", file=sys.stderr)

    def _should_stop(self) -> bool:
        """Whether any process was told to stop; several processes agree at log points alone."""
        if self.accelerator.num_processes == 1:
            self._agreed = self._stop
            return self._agreed
        if self.step % self.plan.log_every:
            return False
        # The flag itself stays: a signal may come while the processes agree.
        flag = torch.tensor(float(self._stop), device=self.accelerator.device)
        self._agreed = bool(self.accelerator.reduce(flag, "sum").item())  # type: ignore[union-attr]
        return self._agreed
