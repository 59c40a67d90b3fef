"""What the page offers for a model: methods that fit, with their parameters, and why others do not."""

import pytest
from serve.pages import client, model

import onnxplain as ox
from onnxplain.method.registry import METHODS
from onnxplain.serve.choices import GROUPS, group_of


def offered(asked, name):
    return asked.get(f"/page/models/{name}").json()


def test_models_are_what_they_take():
    with client("xray", "wine", "sounds") as asked:
        assert asked.get("/page/models").json()["models"] == ["xray", "wine", "sounds"]
        assert [offered(asked, name)["kind"] for name in ("xray", "wine", "sounds")] == ["picture", "table", "sound"]
        wine = offered(asked, "wine")
        assert [each["name"] for each in wine["columns"]] == list(model("wine").features)
        assert wine["labels"] == ["class_0", "class_1", "class_2"] and wine["classes"] == 3
        assert asked.get("/page/models/port").status_code == 404


def test_a_model_of_texts_takes_text():
    with client("reviews") as asked:
        assert offered(asked, "reviews")["kind"] == "text"


def test_each_method_is_offered_or_the_reason_is_said():
    with client("wine") as asked:
        found = offered(asked, "wine")
    fit, unfit = (
        {each["name"]: each for each in found["methods"]},
        {each["name"]: each["why"] for each in found["unfit"]},
    )
    assert set(fit) | set(unfit) == set(METHODS) and not set(fit) & set(unfit)
    for name, why in unfit.items():
        with pytest.raises(ox.errors.OnnxplainError) as problem:
            ox.Explainer(model("wine"), name)
        assert " ".join(str(problem.value).split()) == why
    told = {each["name"]: each for each in fit["lime"]["parameters"]}
    for name, about in ox.parameters("lime").items():
        assert (told[name]["meaning"], told[name]["range"], told[name]["default"]) == (
            about.meaning,
            about.range,
            about.default,
        )
    assert "baseline" in told and fit["lime"]["about"] == ox.methods()["lime"]


def test_methods_that_are_not_allowed_are_not_offered():
    with client("xray", methods=("gradient", "grad_cam")) as asked:
        found = offered(asked, "xray")
    assert [each["name"] for each in found["methods"]] == ["gradient", "grad_cam"]
    assert found["method"] == "gradient" and not found["unfit"]


def test_methods_are_grouped():
    groups = {name: group_of(spec) for name, spec in METHODS.items()}
    assert set(groups.values()) == set(GROUPS)
    known = {"gradient": "gradient", "lrp.epsilon": "relevance", "integrated_gradients": "baseline", "grad_cam": "cam"}
    known |= {"occlusion": "hiding", "kernel_shap": "shapley", "tree_shap": "shapley", "input_x_gradient": "gradient"}
    assert {name: groups[name] for name in known} == known
