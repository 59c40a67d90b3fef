"""Files in half precision: explained in float32 by the weights that they hold, compared with PyTorch in double."""

from __future__ import annotations

import copy
import io

import numpy as np
import onnx
import pytest

import onnxplain as ox

torch = pytest.importorskip("torch", reason="exports and differentiates the networks")
pytest.importorskip("onnxscript", reason="torch.onnx imports it")
float16 = pytest.importorskip("onnxruntime.transformers.float16", reason="converts files to float16")


class Attention(torch.nn.Module):
    """A block of a transformer behind an embedding, with a head on the mean token; its constants are of float16."""

    def __init__(self):
        super().__init__()
        self.embed, self.norm = torch.nn.Linear(6, 8), torch.nn.LayerNorm(8)
        self.qkv, self.out, self.head = torch.nn.Linear(8, 24), torch.nn.Linear(8, 8), torch.nn.Linear(8, 4)
        self.up = torch.nn.Linear(8, 8)

    def forward(self, x):
        h = self.embed(x)
        q, k, v = self.qkv(self.norm(h)).chunk(3, -1)
        h = h + self.out(torch.softmax(q @ k.transpose(1, 2) / 4, -1) @ v)
        return self.head(torch.nn.functional.silu(self.up(h)).mean(1))


def cnn():
    layers = torch.nn.Conv2d(3, 6, 3, padding=1), torch.nn.BatchNorm2d(6), torch.nn.ReLU(), torch.nn.MaxPool2d(2)
    head = torch.nn.Conv2d(6, 5, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    return torch.nn.Sequential(*layers, *head, torch.nn.Linear(5, 4))


def mlp():
    return torch.nn.Sequential(
        torch.nn.Linear(6, 9), torch.nn.Tanh(), torch.nn.Linear(9, 7), torch.nn.ReLU(), torch.nn.Linear(7, 4)
    )


NETS = {"cnn": (cnn, (2, 3, 10, 10)), "mlp": (mlp, (2, 6)), "transformer": (Attention, (2, 5, 6))}


def network(name):
    """A network with weights and statistics that are no numbers of float16, and rows that are numbers of bfloat16."""
    torch.manual_seed(3)
    make, shape = NETS[name]
    net = make()
    for each in net.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            each.running_mean.normal_(0, 0.1)
            each.running_var.uniform_(0.5, 2)
    return net.eval(), torch.randn(shape).bfloat16().float()


def exported(net, x):
    """The ONNX file of a network, with a BatchNormalization of its own."""
    file = io.BytesIO()
    whole = torch.onnx.TrainingMode.PRESERVE
    torch.onnx.export(net, (x,), file, dynamo=False, opset_version=17, training=whole, do_constant_folding=False,
                      input_names=["x"], output_names=["y"], dynamic_axes={"x": [0]})  # fmt: skip
    return onnx.load_from_string(file.getvalue())


def halved(net, kind, form):
    """The network in double, its weights rounded to a type of half precision where the file holds them so.

    A file of mixed precision has convolutions in float32, and dense layers of rows, which are written as a Gemm;
    those of tokens are a MatMul and an Add.
    """
    gemm = [net.head] if isinstance(net, Attention) else [each for each in net if isinstance(each, torch.nn.Linear)]
    kept = {name: each.state_dict() for name, each in net.named_modules() if form == "mixed"
            and (isinstance(each, torch.nn.Conv2d) or any(each is other for other in gemm))}  # fmt: skip
    rounded = copy.deepcopy(net).to(kind).double()
    for name, state in kept.items():
        rounded.get_submodule(name).load_state_dict(state)
    return rounded


def converted(**options):
    return lambda net, x: float16.convert_float_to_float16(exported(net, x), **options)


FORMS = {
    "float16": (lambda net, x: exported(copy.deepcopy(net).half(), x.half()), torch.float16),
    "bfloat16": (lambda net, x: exported(copy.deepcopy(net).bfloat16(), x.bfloat16()), torch.bfloat16),
    "converted": (converted(), torch.float16),
    "float32 in and out": (converted(keep_io_types=True), torch.float16),
    "mixed": (
        converted(keep_io_types=True, op_block_list=["Gemm", "Softmax", "Conv", "Pow"]),
        torch.float16,
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NETS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_the_gradient_is_that_of_the_weights_of_the_file(name, form):
    make, kind = FORMS[form]
    net, x = network(name)
    proto = make(net, x)
    exact = x.double().requires_grad_()
    scores = halved(net, kind, form)(exact)
    scores[:, 1].sum().backward()
    wanted = exact.grad.numpy()
    largest = np.abs(wanted).max()
    for precision, allowed in (("float64", 1e-6), ("float32", 1e-4)):
        model = ox.load(proto, precision=precision)
        e = ox.explain(model, x.numpy(), "gradient", target=1)
        np.testing.assert_allclose(e.attribution, wanted, atol=allowed * largest)
        np.testing.assert_allclose(e.prediction, scores.detach(), atol=1e-5 * np.abs(scores.detach()).max().item())
        assert e.parity.unproven is None and e.parity.share < 1e-3
        assert (e.parity.widened is not None) == (form == "bfloat16")
        assert model.canonical.halves == (str(kind).split(".")[1],)
        d = ox.explain(model, x.numpy(), "deeplift", target=1)
        assert np.abs(d.delta).max() < 1e-5 * np.abs(d.prediction).max()
