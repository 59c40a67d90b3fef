"""read and sha256: what can be wrong with a file is said with its name, and the source stays as it is."""

import hashlib

import numpy as np
import onnx
import pytest
from passes.same import model

from onnxplain.errors import BadInputError
from onnxplain.graph.load import read, sha256

TEXT = "(float[N,4] x) => (float[N,3] y) { y = MatMul(x, w) }"


@pytest.fixture
def proto():
    return model(TEXT, w=np.ones((4, 3), "f"))


def test_a_file_and_a_path_read_the_same(proto, tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(proto, path)
    assert read(path) == read(str(path)) == proto


def test_a_proto_is_copied(proto):
    before = proto.SerializeToString()
    copy = read(proto)
    copy.graph.node[0].op_type = "Add"
    assert proto.SerializeToString() == before


def test_external_data_is_loaded(proto, tmp_path):
    path = tmp_path / "m.onnx"
    options = {"save_as_external_data": True, "location": "m.data", "size_threshold": 0}
    onnx.save(onnx.ModelProto.FromString(proto.SerializeToString()), path, **options)
    assert (tmp_path / "m.data").exists()
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(read(path).graph.initializer[0]), np.ones((4, 3)))
    with pytest.raises(BadInputError, match=r"external data that is not loaded.*'w'"):
        read(onnx.load(path, load_external_data=False))
    (tmp_path / "m.data").unlink()
    with pytest.raises(BadInputError, match=r"m.onnx.*external data"):
        read(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"this is a text, not a model\n", None],
    ids=["empty", "text", "truncated"],
)
def test_a_bad_file_is_named(proto, tmp_path, content):
    path = tmp_path / "bad.onnx"
    path.write_bytes(proto.SerializeToString()[:-7] if content is None else content)
    with pytest.raises(BadInputError, match=r"bad\.onnx"):
        read(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(BadInputError, match=r"^'[^']*none\.onnx' does not exist: expected an ONNX file$"):
        read(tmp_path / "none.onnx")
    with pytest.raises(BadInputError, match="is a folder"):
        sha256(tmp_path)


def test_an_empty_graph_is_refused():
    with pytest.raises(BadInputError, match="holds no graph"):
        read(onnx.ModelProto())


def test_the_digest_is_that_of_the_file(proto, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString(deterministic=True))
    assert sha256(path) == sha256(proto) == hashlib.sha256(path.read_bytes()).hexdigest()
