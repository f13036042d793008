"""CLIP's text tower, from transformers, and two ways to make sentences into numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import user_path

LENGTH = 77
BYTES = "bytes"
_START, _END = 256, 257

Tokenize = Callable[[Sequence[str]], Tensor]


def byte_tokens(texts: Sequence[str]) -> Int[Tensor, "b length"]:
    """UTF-8 bytes between a start and an end token, cut and filled with end tokens to CLIP's length of 77."""
    rows = torch.full((len(texts), LENGTH), _END)
    for row, text in zip(rows, texts, strict=True):
        content = [_START, *text.encode()[: LENGTH - 2]]
        row[: len(content)] = torch.tensor(content)
    return rows


def cut_tokens(tokens: Int[Tensor, "b length"], end: int, step: int = 16) -> Int[Tensor, "b cut"]:
    """The columns up to the last sentence's end, a multiple of `step`: a causal tower's embedding needs no more."""
    longest = int((tokens == end).int().argmax(1).max()) + 1
    return tokens[:, : min(-(-longest // step) * step, tokens.shape[1])]


def load_tokenizer(source: str) -> tuple[Tokenize, int, int]:
    """A tokenizer, its number of tokens, and its end token.

    Args:
        source: `bytes`, which needs no files, or a CLIP tokenizer's name on the Hub or folder.
    """
    if source == BYTES:
        return byte_tokens, _END + 1, _END
    from transformers import AutoTokenizer

    tokenizer: Any = _loaded(AutoTokenizer, str(user_path(source, "tokenizer")), "tokenizer")

    def tokenize(texts: Sequence[str]) -> Tensor:
        return tokenizer(
            list(texts), padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
        ).input_ids

    return tokenize, len(tokenizer), tokenizer.eos_token_id


class TextTower(nn.Module):
    """Tokens to an embedding of each sentence, as CLIP (arXiv 2103.00020) does it.

    Args:
        tokens, end: number of tokens, and the one that ends a sentence, where the embedding is read.
        width, layers, heads: of the transformer.
        dim: width of the embedding.
    """

    def __init__(self, tokens: int, end: int, width: int, layers: int, heads: int, dim: int) -> None:
        super().__init__()
        from transformers import CLIPTextConfig, CLIPTextModelWithProjection

        config = CLIPTextConfig(
            vocab_size=tokens,
            hidden_size=width,
            intermediate_size=4 * width,
            projection_dim=dim,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            max_position_embeddings=LENGTH,
            eos_token_id=end,
            bos_token_id=end - 1,
            pad_token_id=end,
        )
        self.model: Any = CLIPTextModelWithProjection(config)

    def forward(self, tokens: Int[Tensor, "b length"]) -> Float[Tensor, "b d"]:
        return self.model(input_ids=tokens).text_embeds


def load_codebook(source: str) -> nn.Module:
    """DALL-E's image tokenizer as transformers has it (`FlavaImageCodebook`), frozen.

    Args:
        source: its name on the Hub, such as `facebook/flava-image-codebook`, or a folder.
    """
    from transformers import FlavaImageCodebook

    return _loaded(FlavaImageCodebook, source, "codebook").requires_grad_(False).eval()


def _loaded(kind: Any, source: str, what: str) -> Any:
    try:
        return kind.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise FraZooError(
            f"{what} '{source}' cannot be loaded ({str(error).splitlines()[0]}); give a name on the Hub or a folder"
        ) from error
