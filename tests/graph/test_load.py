"""read: what can be wrong with a file is said with its name, and the source stays as it is."""

import hashlib
import os
import socket
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from passes.same import model

import onnxplain as ox
from onnxplain.errors import BadInputError
from onnxplain.graph.load import read, read_again
from onnxplain.limits import Limits

TEXT = "(float[N,4] x) => (float[N,3] y) { y = MatMul(x, w) }"


@pytest.fixture
def proto():
    return model(TEXT, w=np.ones((4, 3), "f"))


def test_a_file_and_a_path_read_the_same(proto, tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(proto, path)
    assert read(path)[0] == read(str(path))[0] == proto


def test_a_proto_is_copied(proto):
    before = proto.SerializeToString()
    copy = read(proto)[0]
    copy.graph.node[0].op_type = "Add"
    assert proto.SerializeToString() == before


def test_external_data_is_loaded(proto, tmp_path):
    path = tmp_path / "m.onnx"
    options = {"save_as_external_data": True, "location": "m.data", "size_threshold": 0}
    onnx.save(onnx.ModelProto.FromString(proto.SerializeToString()), path, **options)
    assert (tmp_path / "m.data").exists()
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(read(path)[0].graph.initializer[0]), np.ones((4, 3)))
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
        read(tmp_path)


def test_an_empty_graph_is_refused():
    with pytest.raises(BadInputError, match="holds no graph"):
        read(onnx.ModelProto())


def test_the_digest_is_that_of_the_file(proto, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString(deterministic=True))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert {read(path)[1], read(proto)[1]} == {(digest, digest)}


def in_two_files(folder, weights):
    """A model with a weight in a data file, another in an attribute of a node, and a third in a branch of an If."""
    folder.mkdir()
    branch = helper.make_graph(
        [helper.make_node("Add", ["h", "b"], ["z"])], "branch", [], [helper.make_tensor_value_info("z", 1, None)],
        [onnx.numpy_helper.from_array(weights[1], "b")],
    )  # fmt: skip
    proto = model(
        """(float[N,4] x) => (float[N,3] y) { m = MatMul(x, w) h = Identity(m) c = Constant<value_float = 1.0>()
        k = Cast<to = 9>(c) y = Identity(h) }""", w=weights[0],
    )  # fmt: skip
    nodes = {each.output[0]: each for each in proto.graph.node}
    nodes["c"].attribute[0].CopyFrom(helper.make_attribute("value", onnx.numpy_helper.from_array(weights[2])))
    nodes["y"].CopyFrom(helper.make_node("If", ["k"], ["y"], then_branch=branch, else_branch=branch))
    options = {"save_as_external_data": True, "location": "m.data", "size_threshold": 0, "convert_attribute": True}
    onnx.save(proto, folder / "m.onnx", **options)
    return folder / "m.onnx"


@pytest.mark.parametrize("other", range(3), ids=["initialiser", "branch", "attribute"])
def test_other_weights_in_the_data_file_are_another_model(tmp_path, other):
    weights = [np.ones((4, 3), "f"), np.full(3, 2, "f"), np.array(3, "f")]
    path = in_two_files(tmp_path / "a", weights)
    first = read(path)[1]
    parts = (weights[i].tobytes() for i in (0, 2, 1, 1))  # both branches hold the same tensor
    digests = [first.file_sha256, *(hashlib.sha256(each).hexdigest() for each in parts)]
    assert first.sha256 == hashlib.sha256("".join(f"{each}\n" for each in digests).encode()).hexdigest()
    weights[other] = weights[other] + 1
    again = read(in_two_files(tmp_path / "b", weights))[1]
    assert first.file_sha256 == again.file_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert first.sha256 != again.sha256


def test_a_file_that_changes_after_it_was_loaded_is_not_taken_for_it(proto, tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(proto, path)
    loaded = ox.load(path)
    assert loaded.proto == proto
    proto.graph.node[0].name = "another"
    onnx.save(proto, path)
    with pytest.raises(BadInputError, match=r"m\.onnx' has changed since it was loaded"):
        loaded.proto  # noqa: B018
    held = ox.load(proto)
    proto.graph.node[0].name = "a third"
    with pytest.raises(BadInputError, match="the given ModelProto has changed"):
        read_again(proto, held.identity)


def external(proto, tmp_path, **entries):
    """A file whose only weight lies beside it, with these entries of its external data changed."""
    options = {"save_as_external_data": True, "location": "m.data", "size_threshold": 0}
    onnx.save(onnx.ModelProto.FromString(proto.SerializeToString()), tmp_path / "m.onnx", **options)
    model = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    (weight,) = model.graph.initializer
    for key, value in entries.items():
        old = next((each for each in weight.external_data if each.key == key), None) or weight.external_data.add(
            key=key
        )
        old.value = value
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    return tmp_path / "m.onnx"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"location": "../secret.data"}, "secret.data"),
        ({"location": "/etc/hostname"}, "hostname"),
        ({"location": "none.data"}, "does not exist"),
        ({"location": "pipe"}, "is a pipe"),
        ({"location": "."}, "is a folder"),
        ({"offset": "99999999999"}, "offset"),
        ({"offset": "-1"}, "offset"),
        ({"offset": "one"}, "one"),
        ({"length": "99999999999"}, "99999999999 bytes of external data, more than the limit"),
        ({"length": "1000"}, "length"),
        ({"length": "8"}, "48 bytes, but 8 bytes"),
    ],
)
def test_external_data_lies_within_its_file_and_its_folder(proto, tmp_path, entries, message):
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.data").write_bytes(bytes(48))
    path = external(proto, tmp_path / "inner", **entries)
    os.mkfifo(tmp_path / "inner" / "pipe")
    with pytest.raises(BadInputError, match=rf"m\.onnx.*{message}"):
        read(path)


def test_weights_that_refer_to_one_file_again_and_again_are_counted(tmp_path):
    path = external(model("(float[N,4] x) => (float[N,4] y) { y = Mul(x, w) }", w=np.ones((1000, 4), "f")), tmp_path)
    bomb = onnx.load(path, load_external_data=False)
    bomb.graph.initializer.extend([bomb.graph.initializer[0]] * 2)
    path.write_bytes(bomb.SerializeToString())
    with Limits(file_bytes=40000).hold(), pytest.raises(BadInputError, match=r"48000 bytes.*limit of 40000 bytes"):
        read(path)


@pytest.mark.parametrize("kind", ["pipe", "device", "socket"])
def test_what_is_no_regular_file_is_refused_by_name(tmp_path, kind):
    path = tmp_path / "m.onnx"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    with pytest.raises(BadInputError, match=rf"'{path}' is a {kind}.*expected an ONNX file"):
        read(path)


def test_a_file_larger_than_the_limit_is_not_read(proto, tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(proto, path)
    with (
        Limits(file_bytes=10).hold(),
        pytest.raises(BadInputError, match=r"m\.onnx' has \d+ bytes, more than .* 10 bytes"),
    ):
        read(path)
