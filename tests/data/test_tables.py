"""Tables and lists of text: encodings, headers, and bad lines that are named."""

from __future__ import annotations

import pytest

from fra_zoo.data import create_dataset
from fra_zoo.data.disk.tables import encoding_of, lines_of, read_table
from fra_zoo.errors import FraZooError

FACE = " ".join(["7"] * 2304)


def written(tmp_path, text, encoding="utf-8", name="t.csv"):
    file = tmp_path / name
    file.write_bytes(text.encode(encoding))
    return file


def rows(file, needed=("name", "label"), **options):
    return [[row[column] for column in needed] for row in read_table(file, needed, **options)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(encoding, end, tmp_path):
    file = written(tmp_path, end.join([" Name ,LABEL", "René,3", "", " , ", "Ann , 4", ""]), encoding)
    assert rows(file) == [["René", "3"], ["Ann", "4"]]
    assert [line for _, line in lines_of(file)] == ["Name ,LABEL", "René,3", ",", "Ann , 4"]


@pytest.mark.parametrize("text", ["name;label\na,b;3\n", "name\tlabel\na,b\t3\n", "sep=;\nname;label\na,b;3\n"])
def test_other_delimiters(text, tmp_path):
    assert rows(written(tmp_path, text)) == [["a,b", "3"]]


def test_tables_without_a_header(tmp_path):
    columns = ("name", "box", "label")
    file = written(tmp_path, 'a.png,"(0, 0)",3\n', "utf-8-sig")
    assert rows(file, columns=columns, header=None) == [["a.png", "3"]]
    file = written(tmp_path, "label,name\n3,a.png\n")
    assert rows(file, columns=columns, header=None) == [["a.png", "3"]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name,emotion\na,3\n", "t.csv has no column 'label' .* its first line is: name, emotion"),
        ("", "t.csv is empty"),
        ("name,label\na,3\nb\n", "t.csv, line 3: 1 field"),
        ("name,label\na,3,4\n", "t.csv, line 2: 3 fields where the header has 2"),
        ("name,label\n\na,x\n", "t.csv, line 3: label 'x' is not a whole number of 0 to 6"),
        ("name,label\na,7\n", "line 2: label '7' is not"),
        ("name,label\na,-5\n", "line 2: label '-5' is not"),
        ("name,label\na,2.5\n", "line 2: label '2.5' is not"),
        ("name,label\na,nan\n", "line 2: label 'nan' is not"),
        ("sep=;\nname;label\na;9\n", "line 3: label '9' is not"),
        ("name,label\na,\n", "line 2: label '' is not"),
        ("name,label,label\na,3,3\n", "two columns 'label'"),
        ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("<!DOCTYPE html>\n", "is a web page"),
        ("PK\x03\x04", "zip archive or an Excel workbook"),
        ("a\0b\0\0\0", "is no text"),
    ],
)
def test_bad_tables_are_one_line(text, why, tmp_path):
    file = written(tmp_path, text)
    with pytest.raises(FraZooError, match=why) as error:
        [row.whole("label", 0, 6) for row in read_table(file, ("name", "label"))]
    assert "\n" not in str(error.value)


def test_whole_numbers_may_have_a_point(tmp_path):
    assert [row.whole("label", 0, 6) for row in read_table(written(tmp_path, "name,label\na,3.0\n"), ("label",))] == [3]


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(FraZooError, match="cannot be read"):
        encoding_of(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_fer2013_saved_again_keeps_its_labels(encoding, tmp_path):
    text = f"emotion,pixels,Usage\r\n3,{FACE},Training\r\n\r\n6,{FACE},training \r\n"
    written(tmp_path, text, encoding, "fer2013.csv")
    assert create_dataset("fer2013", "train", str(tmp_path)).dataset["label"][:] == [3, 6]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("3,12 34", r"fer2013.csv, line 2: 2 field\(s\), and none for 'usage'"),
        ("3,12 34,Training", "line 2: not a face of 48 x 48 pixels, but 2 numbers"),
        (f"3,{FACE[:-1]}x,Training", "line 2: not a face of 48 x 48 pixels, since some are no whole numbers"),
        (f"3,{FACE[:-1]}256,Training", "line 2: not a face of 48 x 48 pixels of 0 to 255: from 7 to 256"),
        (f"3,{FACE[:-1]}-1,Training", "of 0 to 255: from -1 to 7"),
        (f"7,{FACE},Training", "line 2: emotion '7' is not a whole number of 0 to 6"),
        (f"3,{FACE},Train", "line 2: usage 'Train' is none of Training, PublicTest, PrivateTest"),
    ],
)
def test_rows_of_fer2013_that_are_wrong(row, why, tmp_path):
    written(tmp_path, f"emotion,pixels,Usage\n{row}\n", name="fer2013.csv")
    with pytest.raises(FraZooError, match=why):
        create_dataset("fer2013", "train", str(tmp_path))
