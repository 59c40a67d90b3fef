"""The true labels of inputs, by folder and by table."""

import pytest

from onnxplain.errors import BadInputError, UsageError
from onnxplain.runs.audit.truth import read_truth


def test_the_folder_of_an_input_is_its_label(tmp_path):
    truth = read_truth("folders", tmp_path)
    assert truth.of("cats/deep/tabby/1.jpg") == "tabby"
    assert truth.of("1.jpg") is None


def test_a_table_names_the_label_of_each_input(tmp_path):
    (tmp_path / "truth.csv").write_text('\ufeffid,label,name\n1,"a, b",x/1.png\n2,c,2.png\n')
    truth = read_truth("truth.csv", tmp_path)
    assert [truth.of(name) for name in ("x/1.png", "2.png", "3.png")] == ["a, b", "c", None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,class\n1.png,a\n", "expected the columns name and label, found name, class"),
        ("", "found none"),
        ("name,label\n1.png,a\n1.png,b\n", "line 3: '1.png' is there twice"),
        ("name,label\n1.png,\n", "line 2: a name or a label is empty"),
        ("name,label\n1.png\n", "line 2: a name or a label is empty"),
    ],
)
def test_a_table_that_says_too_little_is_refused(tmp_path, text, said):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(BadInputError, match=said):
        read_truth("t.csv", tmp_path)


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(BadInputError, match=r"gone\.csv: cannot read the table"):
        read_truth("gone.csv", tmp_path)
    with pytest.raises(UsageError, match=r'expected "folders" or the path of a \.csv'):
        read_truth("labels.txt", tmp_path)
    assert read_truth(None, tmp_path) is None
