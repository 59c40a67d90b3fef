"""AttnLRP and CP-LRP on a small BERT-like classifier, against the papers' rules written out by hand in float64."""

from __future__ import annotations

import numpy as np
import pytest
from encoder import HEADS, IDS, TOKENS, WIDTH, bert, draw, weights
from nets import network, node

import onnxplain as ox
from onnxplain.plan import selector
from onnxplain.plan.bound import bind
from onnxplain.plan.network import Network

EPS = 1e-6
METHODS = ("attnlrp", "cp_lrp")


def explain(method, precision="float64", engine=None, **options):
    return ox.explain(ox.load(bert(), precision=precision, engine=engine), IDS, method, target=1, **options)


# --- the replica ----------------------------------------------------------------------------------------------------


def over(R, z):
    """R / stab(z)."""
    return R / (z + EPS * np.where(z >= 0, 1, -1))


class Encoder:
    """One layer on the embeddings [T, D] of one row. `back` takes relevance of its output to its input."""

    def __init__(self, w, i, x):
        self.w = {name.replace(str(i), ""): v for name, v in w.items() if str(i) in name}
        self.x = x
        w = self.w
        self.raw = {name: x @ w[name] for name in "qkv"}
        self.whole = {name: self.raw[name] + w[f"{name}_bias"] for name in "qkv"}
        q, k, v = (self.heads(self.whole[name]) for name in "qkv")
        self.q, self.k, self.v = q, k, v
        self.p = q @ k.swapaxes(1, 2)
        self.s = self.p * float(np.float32((WIDTH // HEADS) ** -0.5))
        e = np.exp(self.s - self.s.max(-1, keepdims=True)) * (np.arange(TOKENS) < TOKENS - 1)
        self.a = e / e.sum(-1, keepdims=True)
        self.o = self.a @ v
        self.c = self.o.swapaxes(0, 1).reshape(TOKENS, WIDTH)
        self.d = self.c @ w["o"]
        self.d1 = self.d + w["o_bias"]
        self.r = self.d1 + x
        self.m = self.norm(self.r, "norm")
        self.u = self.m @ w["up"]
        self.u1 = self.u + w["up_bias"]
        self.g = self.u1 / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (self.u1 + 0.044715 * self.u1**3)))
        self.f = self.g @ w["down"]
        self.f1 = self.f + w["down_bias"]
        self.t = self.f1 + self.m
        self.y = self.norm(self.t, "last")

    def heads(self, x):
        return x.reshape(TOKENS, HEADS, -1).swapaxes(0, 1)

    def norm(self, x, name):
        d = x - x.mean(-1, keepdims=True)
        return d / np.sqrt((d * d).mean(-1, keepdims=True) + 1e-5) * self.w[name] + self.w[f"{name}_bias"]

    def unnorm(self, x, y, name, R):
        """1/σ is a constant: ε on the linear map that is left."""
        d = x - x.mean(-1, keepdims=True)
        share = over(R, y) * self.w[name] / np.sqrt((d * d).mean(-1, keepdims=True) + 1e-5)
        return x * (share - share.mean(-1, keepdims=True))

    def dense(self, x, z, z1, name, R):
        return x * (over(z * over(R, z1), z) @ self.w[name].T)

    def back(self, R, values_only):
        R = self.unnorm(self.t, self.y, "last", R)
        share = over(R, self.t)
        inner = self.dense(self.g, self.f, self.f1, "down", self.f1 * share)
        R = self.m * share + self.dense(self.m, self.u, self.u1, "up", inner)
        share = over(self.unnorm(self.r, self.m, "norm", R), self.r)
        return self.x * share + self.attention(self.dense(self.c, self.d, self.d1, "o", self.d1 * share), values_only)

    def attention(self, R, values_only):
        share = over(self.heads(R), self.o)
        if values_only:
            return self.project("v", self.v * (self.a.swapaxes(1, 2) @ share))
        to_v, to_a = self.v * (self.a.swapaxes(1, 2) @ share) / 2, self.a * (share @ self.v.swapaxes(1, 2)) / 2
        to_s = self.s * (to_a - self.a * to_a.sum(-1, keepdims=True))
        before_mask = self.s * over(to_s, self.s) * (np.arange(TOKENS) < TOKENS - 1)
        before_scale = self.s * over(before_mask, self.s)
        share = over(before_scale, self.p) / 2
        to_q, to_k = self.q * (share @ self.k), self.k * (share.swapaxes(1, 2) @ self.q)
        return self.project("v", to_v) + self.project("q", to_q) + self.project("k", to_k)

    def project(self, name, R):
        R = R.swapaxes(0, 1).reshape(TOKENS, WIDTH)
        return self.dense(self.x, self.raw[name], self.whole[name], name, R)


def replica(ids, target, values_only):
    w = {name: value.astype(float) for name, value in weights().items()}
    e = w["words"][ids]
    x = e + w["positions"][0]
    first = Encoder(w, 0, x)
    second = Encoder(w, 1, first.y)
    pooled = np.tanh(second.y[0])
    score = pooled @ w["head"]
    R = np.zeros((TOKENS, WIDTH))
    R[0] = pooled * over(score[target], score[target]) * w["head"][:, target]
    R = first.back(second.back(R, values_only), values_only)
    return (e * over(R, x)).sum(-1)


@pytest.mark.parametrize("method", METHODS)
def test_tokens_get_what_the_papers_rules_say(method):
    e = explain(method, eps=EPS)
    assert e.relevance.shape == IDS.shape, "one relevance a token"
    want = np.stack([replica(ids, 1, method == "cp_lrp") for ids in IDS])
    np.testing.assert_allclose(e.relevance, want, rtol=0, atol=1e-9 * np.abs(want).max())
    assert np.abs(e.relevance[:, -1]).max() == 0, "a masked token takes nothing"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_float32_agrees_with_float64(engine, method):
    single, exact = explain(method, "float32", engine, eps=1e-4), explain(method, eps=1e-4)
    np.testing.assert_allclose(single.relevance, exact.relevance, rtol=0, atol=1e-4 * np.abs(exact.relevance).max())


@pytest.mark.parametrize("method", METHODS)
def test_the_book_balances_at_every_node(method):
    for entry in explain(method, book=True).book.entries:
        assert abs(entry.gap) <= 1e-9 * entry.scale, entry


def rules(method):
    return {node.name: rule for node, rule in ox.Explainer(ox.load(bert()), method).plan.steps}


def test_the_attention_weights_are_found_from_the_graph():
    """Through the Dropout that a pass drops, and not at the product of queries and keys."""
    canonical = ox.load(bert()).canonical
    net = Network(bind(canonical.graph, "e", canonical.scores))
    found = [n.name for n in net.nodes if selector.attending(selector.op("Softmax")).matches(net, n)]
    assert found == ["O0", "O1"]
    assert [name for name, rule in rules("cp_lrp").items() if repr(rule).startswith("Held")] == found
    assert [name for name, rule in rules("attnlrp").items() if repr(rule).startswith("Held")] == []


def test_softmax_at_a_tiny_probability():
    """x (R - y ΣR), where dividing by a y far below ε would lose R."""
    x = np.array([[0.0, 30.0, -1.0]], "f")
    model = network([node("Softmax", "x", "p"), node("MatMul", "p w", "y")], x.shape, {"w": np.eye(3, dtype="f")})
    R = np.array([2.0, 3.0, -1.0])
    e = ox.explain(ox.load(model, precision="float64"), x, "attnlrp", layer="x", seed=R, eps=0.0)
    y = np.exp(x[0].astype(float) - 30)
    y /= y.sum()
    np.testing.assert_allclose(e.attribution[0], x[0] * (R - y * R.sum()), rtol=1e-12)


R = np.array([[2.0, -3.0, 0.5, 1.0]])


def test_rms_norm_passes_relevance_as_it_is():
    x, gain = draw(1, 1, 4), draw(2, 4)
    model = network([node("RMSNormalization", "x gain", "y")], x.shape, {"gain": gain})
    e = ox.explain(ox.load(model, precision="float64"), x, "attnlrp", seed=R[0], eps=0.0)
    np.testing.assert_allclose(e.attribution, R, rtol=1e-9)


def test_a_gate_gets_half():
    """SwiGLU's product: half to the gate, half to the value, each activation the identity."""
    x = draw(1, 1, 8)
    nodes = [node("Split", "x", "a b", axis=1, num_outputs=2), node("Swish", "a", "g"), node("Mul", "g b", "y")]
    e = ox.explain(ox.load(network(nodes, x.shape, {}), precision="float64"), x, "attnlrp", seed=R[0], eps=0.0)
    np.testing.assert_allclose(e.attribution, np.hstack([R, R]) / 2, rtol=1e-12)
