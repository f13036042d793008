"""Publish a run on the Hub: weights, heads, configuration, results, pictures and a card.

    python recipes/publish.py runs/fra_synthetic --repo ORG/NAME --dry-run
    python recipes/publish.py RUN_OR_EXPORT --repo ORG/NAME [--private] [--revision TAG] [--half true]
    python recipes/publish.py RUN_OR_EXPORT --to FOLDER [--half true]
    python recipes/publish.py --all ORG

Weights that come with the package are published into it; the tag says what was done. RUN takes the place of OLD so:

    git rm -r fra_zoo/models/pretrained/OLD
    python recipes/publish.py RUN --to fra_zoo/models/pretrained/NAME.TAG --half true \\
        --heads region_decoder,pixel_projector
    python recipes/measure.py --model NAME.TAG --ferplus FERPLUS --lfw LFW
    python recipes/pictures.py --model NAME.TAG --lfw LFW
    python recipes/model_table.py
    grep -rn OLD README.md docs recipes   # prose that still names it; tests/test_docs.py finds it too

The token is the usual one: `hf auth login`, or HF_TOKEN. An upload that broke off is repeated by the same command.
"""

import sys

from fra_zoo.cli import main

if __name__ == "__main__":
    main(["publish", *sys.argv[1:]])
