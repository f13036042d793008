"""Parquet files: whether they are whole, whether they agree, and which of their columns is what."""

from __future__ import annotations

import glob
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from fra_zoo.data.disk.labelling import Labelling, labelling_of, through_names
from fra_zoo.errors import FraZooError, nearest
from fra_zoo.io.diagnosis import HEAD, diagnose_bytes, diagnose_file
from fra_zoo.io.paths import display_path
from fra_zoo.labels import LabelSpace

BROKEN = (pa.ArrowException, OSError, ValueError, EOFError)


@dataclass(frozen=True)
class Names:
    """What a user calls the columns; those of labels and texts may be absent where they have their usual names."""

    image: str = "image"
    label: str = "label"
    text: str = "text"


@dataclass(frozen=True)
class Table:
    """The schema of Parquet files that agree.

    Attributes:
        columns: role (`image`, `label`, `text`, `votes` …) to the column's name.
        schema: of the first file.
        names: class names that the files give their labels, or ().
        rows: of each file.
    """

    columns: dict[str, str]
    schema: pa.Schema
    names: tuple[str, ...]
    rows: tuple[int, ...]

    def type(self, role: str) -> pa.DataType:
        """The type of a role's column."""
        return self.schema.field(self.columns[role]).type


def open_parquet(file: str | bytes) -> pq.ParquetFile:
    """A Parquet file by its path or its content.

    Raises:
        ValueError: says what it is instead, in words that follow its name.
    """
    what = diagnose_bytes(file[:HEAD]) if isinstance(file, bytes) else diagnose_file(file)
    if what:
        raise ValueError(what)
    try:
        return pq.ParquetFile(pa.BufferReader(file) if isinstance(file, bytes) else file)
    except BROKEN as error:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise ValueError(f"is no whole Parquet file ({reason}); copy or download it again") from error


def read_schema(file: str, name: str) -> tuple[pa.Schema, int]:
    """What a Parquet file of a dataset says of itself: its schema, and its number of rows.

    Raises:
        FraZooError: names the file if it is broken.
    """
    try:
        opened = open_parquet(file)
    except ValueError as error:
        raise FraZooError(f"dataset '{name}': {display_path(file)} {error}") from error
    with opened:
        return opened.schema_arrow, opened.metadata.num_rows


def read_table(files: Sequence[str], names: Names, name: str) -> Table:
    """What some Parquet files hold, once all are known to be whole and to agree.

    Raises:
        FraZooError: names the file that is broken or differs, and the column.
    """
    first: Table | None = None
    rows = []
    for file in files:
        schema, count = read_schema(file, name)
        table = Table(find_columns(schema, names, f"dataset '{name}'"), schema, (), ())
        table = Table(table.columns, schema, class_names(schema, table.columns.get("label")), ())
        first = first or table
        if differs := _difference(first, table):
            raise FraZooError(
                f"dataset '{name}': {display_path(file)} {differs} {display_path(files[0])}; write them alike, or "
                "give one of them"
            )
        rows.append(count)
    assert first is not None
    return Table(first.columns, first.schema, first.names, tuple(rows))


def find_columns(schema: pa.Schema, names: Names, where: str) -> dict[str, str]:
    """Role to column. A column with the name of one of ours that is another thing has no role.

    Raises:
        FraZooError: if there is no such column, it is of a type that cannot be read, or two have one name.
    """
    found: dict[str, str] = {}
    for role, given, usual in (
        ("image", names.image, None),
        ("label", names.label, "label"),
        ("text", names.text, "text"),
    ):
        if given not in schema.names:
            if given == usual:
                continue
            raise FraZooError(f"{where} has no column '{given}'; {_hint(role, given, schema)}Give {role}=COLUMN")
        if schema.names.count(given) > 1:
            raise FraZooError(f"{where} has two columns '{given}'; rename one of them")
        if given in found.values():
            raise FraZooError(f"{where}: column '{given}' cannot be both {role} and another; give one of them another")
        if not _FITS[role](schema.field(given).type) and not (role == "image" and _is_hf_image(schema, given)):
            if given == usual:
                continue
            hint = _hint(role, given, schema) if role == "image" else ""
            raise FraZooError(
                f"{where}: column '{given}' holds {schema.field(given).type}, which is no {role}; {hint}"
                f"give {role}=COLUMN"
            )
        found[role] = given
    for role, fits in _FITS.items():
        taken = role in found or role in found.values() or role in ("image", "label", "text")
        if not taken and schema.names.count(role) == 1 and fits(schema.field(role).type):
            found[role] = role
    return found


def image_columns(schema: pa.Schema) -> list[str]:
    """Columns that hold pictures, not paths of them."""
    return [
        field.name
        for field in schema
        if _is_hf_image(schema, field.name) or (_is_image(field.type) and not _is_text(field.type))
    ]


def class_names(schema: pa.Schema, column: str | None) -> tuple[str, ...]:
    """The class names of a label column that HF Datasets wrote, or ()."""
    about = _hf_features(schema).get(column or "", {})
    names = about.get("names") if about.get("_type") == "ClassLabel" else None
    return tuple(map(str, names)) if isinstance(names, list) else ()


def labelling_with(schema: pa.Schema, column: str | None, said: Labelling, where: str) -> Labelling:
    """A labelling for one file: class names of its own, where it has them, are told apart by name."""
    names = class_names(schema, column)
    if not names:
        return said
    if said.space is None:
        return labelling_of(LabelSpace("labels", names))
    try:
        return through_names(names, said)
    except ValueError as error:
        raise FraZooError(f"{where}: {error}") from error


def culprit(files: Sequence[str], columns: Sequence[str]) -> str:
    """Which of the files cannot be read to its end, and why; for a message."""
    for file in files:
        try:
            opened = open_parquet(file)
            for group in range(opened.num_row_groups):
                opened.read_row_group(group, columns=list(columns))
        except BROKEN as error:
            reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
            return f"{display_path(file)} is damaged ({reason}); copy or download it again"
    return ""


def as_patterns(files: Sequence[str]) -> list[str]:
    """Files for `load_dataset`, which takes names for patterns."""
    return [glob.escape(str(Path(file).absolute())) for file in files]


def _difference(first: Table, other: Table) -> str:
    """How a file differs from the first in what is read of it; follows its name."""
    for role, column in first.columns.items():
        if role not in other.columns:
            return (
                f"has no column '{column}' as" if column not in other.schema.names else f"has another '{column}' than"
            )
        if _kind(first.type(role)) != _kind(other.type(role)):
            return f"has '{column}' of {other.type(role)} and not of {first.type(role)} as"
    if more := [column for role, column in other.columns.items() if role not in first.columns]:
        return f"has a column '{more[0]}', unlike"
    if first.names != other.names:
        return "has other class names, or another order of them, than"
    return ""


def _hint(role: str, given: str, schema: pa.Schema) -> str:
    if role == "image" and (pictures := [name for name in image_columns(schema) if name != given]):
        return f"pictures are in {' and '.join(pictures)}. "
    return f"{nearest(given, schema.names)} "


def _hf_features(schema: pa.Schema) -> dict[str, Any]:
    """What HF Datasets wrote of the columns, or {}."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: about for name, about in features.items() if isinstance(about, dict)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _is_hf_image(schema: pa.Schema, column: str) -> bool:
    return _hf_features(schema).get(column, {}).get("_type") == "Image"


def _kind(type: pa.DataType) -> str:
    """Types that are read as one."""
    for kind, test in (("text", _is_text), ("picture", _is_image), ("number", _is_number), ("list", _is_list)):
        if test(type):
            return kind
    return str(type)


def _is_text(type: pa.DataType) -> bool:
    value = type.value_type if types.is_dictionary(type) else type
    return types.is_string(value) or types.is_large_string(value) or types.is_string_view(value)


def _is_number(type: pa.DataType) -> bool:
    return types.is_integer(type) or types.is_floating(type) or types.is_boolean(type) or types.is_null(type)


def _is_list(type: pa.DataType) -> bool:
    return types.is_list(type) or types.is_large_list(type) or types.is_fixed_size_list(type)


def _is_bytes(type: pa.DataType) -> bool:
    return types.is_binary(type) or types.is_large_binary(type) or types.is_binary_view(type)


def _is_image(type: pa.DataType) -> bool:
    """Bytes, a path, or a struct of both."""
    if not types.is_struct(type):
        return _is_bytes(type) or _is_text(type)
    parts = {type.field(i).name: type.field(i).type for i in range(type.num_fields)}
    return bool(parts) and set(parts) & {"bytes", "path"} != set() and _is_struct_of(parts)


def _is_struct_of(parts: dict[str, pa.DataType]) -> bool:
    content, path = parts.get("bytes", pa.binary()), parts.get("path", pa.string())
    return (_is_bytes(content) or types.is_null(content)) and (_is_text(path) or types.is_null(path))


def _numbers(type: pa.DataType) -> bool:
    return _is_list(type) and (types.is_integer(type.value_type) or types.is_floating(type.value_type))


_FITS: dict[str, Callable[[pa.DataType], bool]] = {
    "image": _is_image,
    "label": lambda type: _is_number(type) or _is_text(type),
    "text": lambda type: _is_text(type) or types.is_null(type),
    "votes": lambda type: _is_list(type) and types.is_integer(type.value_type),
    "target": lambda type: _is_list(type) and types.is_floating(type.value_type),
    "box": _numbers,
    "center_crop": _is_number,
    "identity": lambda type: types.is_integer(type) or _is_text(type),
    "number": types.is_integer,
    "mask": types.is_struct,
}
