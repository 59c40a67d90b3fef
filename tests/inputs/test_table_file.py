"""Tables in Parquet files are read as by pandas, and as the same table in a CSV; what does not fit is refused."""

from __future__ import annotations

import datetime as dt
import io

import numpy as np
import pytest
from nets import BUNDLED

import onnxplain as ox
from onnxplain.errors import BadInputError, NumericalError
from onnxplain.inputs.table_file import named_rows, read_columns
from onnxplain.limits import Limits

pa = pytest.importorskip("pyarrow", reason="pyarrow, which reads Parquet files, is not installed")
parquet = pytest.importorskip("pyarrow.parquet")
TABLE = pa.table(
    {
        "id": pa.array([dt.date(2020, 1, 2)] * 3),
        "age": pa.array([3, None, 41], pa.int16()),
        "height": pa.array([1.5, 0.25, None], pa.float32()),
        "half": pa.array(np.array([0.5, 1.0, 2.0], np.float16)),
        "big": pa.array([2**40, -1, 7], pa.int64()),
        "is": pa.array([True, False, True]),
        "price": pa.array(["1.25", "-2.50", None]).cast(pa.decimal128(6, 2)),
        "town": pa.array(["oslo", None, "rome"]),
        "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
        "none": pa.nulls(3),
    }
)
NUMBERS = ["height", "age", "big", "half", "is", "price", "none"]


@pytest.fixture
def path(tmp_path):
    parquet.write_table(TABLE, tmp_path / "t.parquet", row_group_size=2)
    return tmp_path / "t.parquet"


def test_numbers_are_those_of_pandas(path):
    pandas = pytest.importorskip("pandas", reason="pandas, the other reader, is not installed")
    found, sha256 = named_rows(path, NUMBERS)
    theirs = pandas.read_parquet(path)[NUMBERS].astype("float64").to_numpy()
    np.testing.assert_array_equal(found, theirs)
    assert np.isnan(found).sum() == 6 and len(sha256) == 64
    words = read_columns(str(path), {"town": True, "kind": True}).values
    assert words == pandas.read_parquet(path)[["town", "kind"]].astype(object).fillna("").to_dict("list")


def test_an_open_file_is_read_as_its_path_is(path, tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,\n")
    for each, names in ((path, NUMBERS), (tmp_path / "t.csv", None)):
        with each.open("rb") as file:
            found, sha256 = named_rows(file, names)
        wanted, known = named_rows(each, names)
        np.testing.assert_array_equal(found, wanted)
        assert sha256 == known
    nameless = io.BytesIO(b"a,b\n1,2\n")
    assert named_rows(nameless, None) is None


def test_a_csv_of_the_same_table_is_the_same(path, tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas, which writes the CSV, is not installed")
    pandas.read_parquet(path).to_csv(tmp_path / "t.csv", index=False)
    names = [name for name in NUMBERS if name != "is"]  # a CSV writes True
    np.testing.assert_array_equal(named_rows(path, names)[0], named_rows(str(tmp_path / "t.csv"), names)[0])
    words = {"town": True}
    assert read_columns(str(path), words).values == {
        "town": read_columns(str(tmp_path / "t.csv"), words).values["town"]
    }


def test_columns_without_names_are_taken_as_they_stand(tmp_path):
    parquet.write_table(pa.table({"b": [1, 2], "a": [3.5, 4.5]}), tmp_path / "t.pq")
    np.testing.assert_array_equal(named_rows(tmp_path / "t.pq", None)[0], [[1, 3.5], [2, 4.5]])
    np.testing.assert_array_equal(named_rows(tmp_path / "t.pq", ["a", "b"])[0], [[3.5, 1], [4.5, 2]])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["age", "town"], "column 'town' holds string, and the model reads numbers there"),
        (["kind"], "column 'kind' holds dictionary<.*, and the model reads numbers there"),
        (["id"], "column 'id' holds date32.day., and the model reads numbers there"),
        (["age", "width"], "no column 'width', which the model reads; there are id, age, height"),
    ],
)
def test_a_column_of_another_type_is_named(path, names, said):
    with pytest.raises(BadInputError, match=rf"t\.parquet: {said}"):
        named_rows(path, names)


def test_a_missing_value_is_named_by_file_and_column(path):
    model = ox.load(BUNDLED / "wine_mlp_torch.onnx")
    names = [f"c{i}" for i in range(model.columns)]
    parquet.write_table(pa.table({name: [0.5, None if name == "c3" else 1.5] for name in names}), path)
    for features, column in ((names, "'c3'"), (None, "3")):
        named = ox.load(BUNDLED / "wine_mlp_torch.onnx", features=features)
        with pytest.raises(
            NumericalError, match=rf"t\.parquet: column {column} has no value in row 1.*1 missing in all"
        ):
            ox.explain(named, path, "gradient")


def test_numbers_are_no_words(path):
    with pytest.raises(BadInputError, match="column 'age' holds int16, and the model reads words there"):
        read_columns(str(path), {"age": True})


def test_files_that_are_no_such_table_are_refused(path, tmp_path):
    whole = path.read_bytes()
    for broken in (whole[:-20], whole[: len(whole) // 2], b"PAR1", whole[:200] + bytes(400) + whole[600:]):
        (tmp_path / "bad.parquet").write_bytes(broken)
        with pytest.raises(BadInputError, match=r"bad\.parquet: no table that pyarrow can read"):
            named_rows(tmp_path / "bad.parquet", NUMBERS)
    parquet.write_table(TABLE.slice(0, 0), tmp_path / "none.parquet")
    with pytest.raises(BadInputError, match="a table without rows"):
        named_rows(tmp_path / "none.parquet", NUMBERS)
    parquet.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "twice.parquet")
    with pytest.raises(BadInputError, match="two columns have one name, 'a'"):
        named_rows(tmp_path / "twice.parquet", ["a"])
    with pytest.raises(BadInputError, match="does not exist"):
        named_rows(tmp_path / "missing.parquet", ["a"])


def test_a_small_file_of_many_rows_takes_no_memory(tmp_path):
    parquet.write_table(pa.table({"a": np.zeros(10**6)}), tmp_path / "zeros.parquet")
    assert (tmp_path / "zeros.parquet").stat().st_size < 10**5
    with Limits(array_bytes=10**7).hold(), pytest.raises(BadInputError, match="more than the limit"):
        named_rows(tmp_path / "zeros.parquet", ["a"])
