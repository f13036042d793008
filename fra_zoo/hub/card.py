"""The card of a repository, written from the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from fra_zoo.evaluate.record import BY_GROUPS, PICTURE
from fra_zoo.hub.run_facts import RunFacts
from fra_zoo.io.paths import displayable
from fra_zoo.io.weights import HEADS, LEFT_OUT
from fra_zoo.methods.parts.method import METHODS
from fra_zoo.task import FindsRegions

_OPEN_LICENSES = ("apache-2.0", "mit", "cc-by-4.0", "cc-by-nc-4.0")
_NAMES = {
    "accuracy": "accuracy",
    "mean_class_accuracy": "mean-class accuracy",
    "macro_f1": "macro-F1",
    "ece": "expected calibration error",
}
PICTURES = {
    "confusion.png": "confusion matrix",
    "heatmaps.png": "regions",
    "heatmaps_drawn.webp": "regions on drawn faces",
    "answers.webp": "answers on faces of LFW, which has no labels of expressions",
    "answers_drawn.webp": "answers on drawn faces, green where they are the label and red where not",
    "curves.png": "curves",
}
_METRICS = {"accuracy": "accuracy", "macro_f1": "f1"}


def write_card(facts: RunFacts, repo_id: str, folder: Path) -> None:
    """Write `README.md` beside the files that it speaks of."""
    text = f"---\n{_front_matter(facts, repo_id).to_yaml()}\n---\n\n{card_text(facts, repo_id, folder)}"
    ModelCard(displayable(text)).save(folder / "README.md")


def _front_matter(facts: RunFacts, repo_id: str) -> ModelCardData:
    open_license = facts.license if facts.license in _OPEN_LICENSES else None
    more: dict[str, Any] = {} if open_license else {"license_name": "research-only", "license_link": "README.md"}
    return ModelCardData(
        license=open_license or "other",
        library_name="timm",
        pipeline_tag="image-classification" if facts.labels else "image-feature-extraction",
        tags=["timm", "transformers", "fra-zoo", "faces", *(["facial-expression-recognition"] if facts.labels else [])],
        model_name=repo_id.split("/")[-1],
        eval_results=_eval_results(facts) or None,
        **more,
    )


def _best(facts: RunFacts) -> str | None:
    return next((name for name in ("selected_test", "best_on_test") if name in facts.results), None)


def _eval_results(facts: RunFacts) -> list[EvalResult]:
    best = _best(facts)
    if best is None:
        return []
    dataset = facts.results["dataset"]
    return [
        EvalResult(
            task_type="image-classification",
            dataset_type=dataset,
            dataset_name=dataset,
            dataset_split="test",
            metric_type=_METRICS[name],
            metric_name=_NAMES[name],
            metric_value=round(facts.results[best][name], 4),
        )
        for name in _METRICS
    ]


def card_text(facts: RunFacts, repo_id: str, folder: Path) -> str:
    """What the card says, in Markdown, without the lines for the Hub above it."""
    parts = [
        f"# {repo_id.split('/')[-1]}\n\n{_what(facts)}",
        _loading(facts, repo_id, (folder / HEADS).is_file()),
        _numbers(facts, folder),
        _training(facts),
        _limits(facts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _what(facts: RunFacts) -> str:
    size = facts.config["pretrained_cfg"]["input_size"]
    what = f"A `{facts.config['architecture']}` for faces at {size[-1]} px"
    if facts.heads:
        what += f", pre-trained without labels by {METHODS.get(facts.heads['method']).__name__}"
    if facts.labels:
        what += f", for the expressions {', '.join(facts.labels)}"
    return what + ". Trained with fra_zoo; a plain timm model."


def _loading(facts: RunFacts, repo_id: str, heads: bool) -> str:
    """By every door: from the Hub, or, for a name without an organisation, from the package, which timm knows too."""
    auto = "AutoModelForImageClassification" if facts.labels else "AutoModel"
    packaged = "/" not in repo_id
    name = repo_id if packaged else f"hf-hub:{repo_id}"
    lines = [
        "## How to load it",
        "",
        "```python",
        "import fra_zoo",
        "",
        f'model = fra_zoo.create_model("{name}", pretrained=True)',
    ]
    if heads:
        more = ": method.regions(images)" if _finds_regions(facts) else ""
        lacks = f", without {', '.join(left_out)}" if (left_out := facts.heads.get(LEFT_OUT)) else ""
        lines.append(f'method = fra_zoo.create_method("{name}")  # heads too{lacks}{more}')
    if facts.labels and packaged:
        lines.append(f'faces = fra_zoo.Predictor("{name}")("photo.jpg")')
    lines.append("```")
    if packaged:
        return "\n".join([*lines, "", "It comes with the package and needs no network."])
    lines += [
        "",
        "Without fra_zoo:",
        "",
        "```python",
        "import timm",
        f'model = timm.create_model("hf-hub:{repo_id}", pretrained=True)',
        "",
        f"from transformers import AutoImageProcessor, {auto}",
        f'model = {auto}.from_pretrained("{repo_id}")',
        f'processor = AutoImageProcessor.from_pretrained("{repo_id}")',
        "```",
    ]
    if facts.config.get("preprocessing", {}).get("photometric"):
        lines += ["", "Its faces are equalised gray (`preprocessing` in config.json): only fra_zoo shows them so."]
    return "\n".join(lines)


def _finds_regions(facts: RunFacts) -> bool:
    return issubclass(METHODS.get(facts.heads["method"]), FindsRegions)


def _numbers(facts: RunFacts, folder: Path) -> str:
    lines = ["## What was measured", ""]
    best = _best(facts)
    if best is not None:
        results = facts.results
        how = "chosen on test, as published" if best == "best_on_test" else f"chosen on {results['selected_on']}"
        faces = results["splits"]["test"]["faces"]
        lines += [
            f"{results['dataset']} test, {faces} faces, {len(facts.labels)} classes; epoch {results['selected_epoch']},"
            f" {how}; protocol `{results['protocol']}`. 95 % intervals by bootstrap.",
            "",
            "| metric | value | interval |",
            "|---|---|---|",
        ]
        for name, value in results[best].items():
            low, high = results[f"{best}_interval_95"][name]
            lines.append(f"| {_NAMES[name]} | {value:.4f} | {low:.4f} to {high:.4f} |")
        lines += ["", *_recalls(results)]
    for name, value in facts.monitored.items():
        lines.append(f"- {name.replace('_', ' ')}, on held-out faces during pre-training: {value:.4f}")
    lines += _measured(facts.measured)
    drawn = {one[PICTURE]: name for name, one in facts.measured.items() if PICTURE in one}
    for picture, title in (PICTURES | drawn).items():
        if (folder / picture).is_file():
            lines += ["", f"![{title}]({picture})"]
    return "\n".join(lines) if len(lines) > 2 else ""


def _measured(numbers: dict[str, dict[str, Any]]) -> list[str]:
    """What evaluators found after the training: a line each."""
    lines = []
    for name, found in numbers.items():
        told = {
            key: f"{value:.4f}" if isinstance(value, float) else value
            for key, value in found.items()
            if key not in (PICTURE, BY_GROUPS)
        }
        where = f" on {told.pop('dataset')}" if "dataset" in told else ""
        lines.append(
            f"- {name}{where}: " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in told.items())
        )
    return lines


def _recalls(results: dict[str, Any]) -> list[str]:
    lines = ["| class | faces | recall |", "|---|---|---|"]
    for number, (name, row) in enumerate(zip(results["classes"], results["confusion_test"], strict=True)):
        recall = f"{row[number] / sum(row):.4f}" if sum(row) else "no faces"
        lines.append(f"| {name} | {sum(row)} | {recall} |")
    return lines


def _training(facts: RunFacts) -> str:
    training = facts.training
    if not training:
        return ""
    run = training.get("run", {})
    data = facts.section("dataset").get("name") or facts.results.get("dataset") or "unknown"
    lines = ["## Training", "", f"- data: {data}, licence: {facts.license}"]
    if "init" in training:
        lines.append(f"- started from: {training['init']}")
    if run:
        lines += [
            f"- command: `{run['command']}`",
            f"- hardware: {run['hardware']}",
            f"- time: {run['seconds'] / 60:.1f} minutes",
        ]
    versions = ", ".join(f"{name} {version}" for name, version in training.get("versions", {}).items())
    return "\n".join([*lines, f"- versions: {versions}", "- the whole configuration: `training.json`"])


def _limits(facts: RunFacts) -> str:
    lines = [
        "## Limits",
        "",
        "- An expression is not a feeling: the model says what annotators would call a face, not what one feels.",
        "- Annotators disagree, and so do datasets; numbers on one dataset do not carry over to another.",
        f"- The faces that it learned from are not balanced by age, gender, skin or culture, and {_groups(facts)}. Do "
        "not use it to judge people, nor for hiring, policing, health or surveillance.",
        "- They are photos of real people, collected for research; the licence above is that of the photos, and the "
        "weights follow it.",
    ]
    if facts.labels and "confusion_test" in facts.results:
        counts = {name: sum(row) for name, row in zip(facts.labels, facts.results["confusion_test"], strict=True)}
        rare = [name for name, count in counts.items() if count < 50]
        if rare:
            lines.append(f"- Few test faces: {', '.join(rare)}; their recalls are uncertain.")
    return "\n".join(lines)


def _groups(facts: RunFacts) -> str:
    """Whether anything was measured by groups of people."""
    by = [f"`{name}`" for name, one in facts.measured.items() if one.get(BY_GROUPS)]
    return f"{', '.join(by)} above says how it differs" if by else "nothing here was measured by such groups"
