"""A notebook of a whole day runs in Jupyter: each cell shows a picture or a short table, and none floods the page."""

from __future__ import annotations

import pytest
from nets import ROOT

nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]  # Jupyter's own

SHOWN = "models/images/xray"
CELLS = {
    "model": """
import onnxplain as ox
files = {"preprocess": "models/xray_v1.preprocess.json", "labels": "models/xray.labels.txt"}
model = ox.load("models/xray_v1.onnx", **files)
model""",
    "explanation": f'e = ox.explain(model, "{SHOWN}/opacity_marked.png", "grad_cam")\ne',
    "plan": f'ox.explain(model, "{SHOWN}/opacity.png").plan',
    "grid": f'ox.compare(model, ["{SHOWN}/opacity.png", "{SHOWN}/clear.png"], ["gradient", "grad_cam"])',
    "perturbed": f'ox.explain(model, "{SHOWN}/opacity_marked.png", "occlusion", window=40, stride=20)',
    "judged": f'ox.evaluate(model, "{SHOWN}/opacity.png", ["gradient"], ["pixel_flipping"])',
    "predicted": f'model.predict(["{SHOWN}/opacity.png", "{SHOWN}/clear.png"])',
    "streamed": f'[e.labels[0] for e in ox.Explainer(model, "gradient").stream(["{SHOWN}/clear.png"] * 3)]',
    "figure": "e.plot()",
}
PICTURES = {"explanation", "grid", "perturbed", "figure"}
LINES = 30
"""How many lines of text a cell shows at most."""


def test_a_day_in_a_notebook():
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in CELLS.values()])
    nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    for name, cell in zip(CELLS, book.cells, strict=True):
        assert cell.outputs, name
        assert not [each for each in cell.outputs if each.output_type == "stream"], f"{name}: a stream beside it"
        shown = [each.data for each in cell.outputs]
        assert all(len(each.get("text/plain", "").splitlines()) <= LINES for each in shown), name
        pictures = [each for each in shown if "image/png" in each or "data:image/png" in each.get("text/html", "")]
        assert bool(pictures) == (name in PICTURES), name
