"""Write the cards of the models and models/README.md; what a model file says of itself is read from it."""

import re
import textwrap
from collections import Counter

import data
import made_cards
import onnx
import xray_cards
from catalog import ENTRIES, Entry
from evaluate import correct
from onnxfile import MODELS

SPLIT = "stratified, 25 % held out, `random_state=0`"

DATA = {
    "digits": (
        "scikit-learn's `load_digits`: 1797 scans of handwritten digits, 8x8 pixels of 0 (paper) to 16 "
        "(ink). It is the test part of *Optical Recognition of Handwritten Digits* by E. Alpaydin and "
        "C. Kaynak, UCI Machine Learning Repository, doi:10.24432/C50P49. "
        f"Split: {SPLIT}; 1347 rows to train on, 450 held out."
    ),
    "wine": (
        "scikit-learn's `load_wine`: 178 Italian wines of three cultivars, 13 chemical measurements each. It "
        "is *Wine* by S. Aeberhard and M. Forina, UCI Machine Learning Repository, doi:10.24432/C5PC7J. "
        f"Split: {SPLIT}; 133 rows to train on, 45 held out."
    ),
    "xray": xray_cards.DATA,
    **made_cards.DATA,
}

PUBLISHED = (
    "The data are published under CC BY 4.0 (creators and repository above). The weights were trained by "
    "this project from those data alone and carry the project's own licence."
)
LICENCE = {
    "digits": PUBLISHED,
    "wine": PUBLISHED,
    "xray": xray_cards.LICENCE,
    "reviews": made_cards.OWN,
    "sounds": made_cards.OWN,
}

UNBROKEN = {"break_long_words": False, "break_on_hyphens": False}
"""Options of textwrap that break lines between words only, so that file names and command-line options stay whole."""

HIDDEN_SPACE = "\0"
"""Stands for a space at which no line may be broken."""

PIXELS_NOTE = (
    "float32 [N, 64]: the rows of the 8x8 scan one after another, each pixel from 0 (paper) to 16 (ink), as "
    "`load_digits` returns them and without further preprocessing. `digits_samples.npy` holds ten held-out "
    "rows, one for each digit from 0 to 9."
)


def _wrap(text: str) -> str:
    """Break the paragraphs of a Markdown text at 110 columns; leave headings, lists and tables alone.

    The spaces inside `code` are hidden while lines are filled, so that no formula is broken.
    """
    hidden = re.sub(r"`[^`\n]+`", lambda code: code[0].replace(" ", HIDDEN_SPACE), text.strip())
    kept = ("#", "- ", "|", "```")
    blocks = [
        block if block.startswith(kept) else textwrap.fill(block, 110, **UNBROKEN) for block in hidden.split("\n\n")
    ]
    return "\n\n".join(blocks).replace(HIDDEN_SPACE, " ") + "\n"


def _picture_note(entry: Entry) -> str:
    """Say how a picture becomes the input of a network."""
    mean, std = data.normalisation()
    low, high = (0 - mean) / std, (1 - mean) / std
    shape = "[N, 1, 16, 16], channels first" if entry.layout == "nchw" else "[N, 16, 16, 1], channels last"
    return (
        f"float32 {shape}. A picture is 8-bit grey, light ink on dark paper, 16x16 pixels (the 8x8 scan "
        "scaled to 0..255, rounded, and doubled by Pillow's bilinear filter). The network takes "
        f"`x = (pixel / 255 - {mean}) / {std}`, which runs from {low:.3f} to {high:.3f}; "
        f"`{entry.name}.preprocess.json` says the same to a program. `images/` holds ten such pictures, all "
        "held out, named `digit_<class>_<index in load_digits>.png`; every model on the digits gets them "
        "right."
    )


def _measurements_note() -> str:
    """List the measurements with the range each has in the training data."""
    rows = data.wine().x_train
    table = ["| column | feature | min | max |", "|---|---|---|---|"]
    columns = zip(data.wine_features(), rows.min(axis=0), rows.max(axis=0), strict=True)
    table += [f"| {i} | {name} | {low:.4g} | {high:.4g} |" for i, (name, low, high) in enumerate(columns)]
    return (
        "float32 [N, 13]: the measurements in their own units; the graph normalises them itself. "
        "`wine.features.txt` names the columns, `wine_sample.npy` holds one held-out row that the model gets "
        "right. Ranges in the training data:\n\n" + "\n".join(table)
    )


def _input_note(entry: Entry) -> str:
    """Describe layout, value range and preprocessing of a model's input."""
    if entry.data == "xray":
        return xray_cards.input_note(entry)
    if entry.data in made_cards.INPUT:
        return made_cards.INPUT[entry.data]
    if entry.takes_pictures:
        return _picture_note(entry)
    return PIXELS_NOTE if entry.layout == "pixels" else _measurements_note()


def _accuracy(entry: Entry) -> str:
    """Return the held-out accuracy in per cent."""
    right, total = correct(entry)
    return f"{100 * right / total:.1f} %"


def _accuracy_note(entry: Entry) -> str:
    """Say how often a model is right, and on what."""
    if entry.data == "xray":
        return xray_cards.accuracies(entry)
    right, total = correct(entry)
    return f"- Held-out accuracy: {right} of {total} ({_accuracy(entry)}), measured with ONNX Runtime on this file"


def _command(entry: Entry) -> str:
    """Return the command that trains and exports this one model."""
    kind = "xray" if entry.data == "xray" else "digits"
    twin = entry.script in (f"{kind}_cnn_torch.py", f"{kind}_cnn_keras.py")
    weights = " --weights weights.npz" if twin else ""
    first = f"python tools/train/{kind}_cnn_torch.py --weights weights.npz\n"
    before = first if entry.script.endswith("keras.py") else ""
    return f"{before}python tools/train/{entry.script}{weights}"


def _graph_note(model: onnx.ModelProto) -> str:
    """Describe the graph: opsets, inputs and the count of each operator."""
    opsets = ", ".join(f"{opset.domain or 'ai.onnx'} {opset.version}" for opset in model.opset_import)
    counts = Counter(node.op_type for node in model.graph.node)
    operators = ", ".join(f"{name} x{count}" if count > 1 else name for name, count in counts.items())
    return f"- Opsets: {opsets}\n- Operators: {operators}"


def card(entry: Entry) -> str:
    """Write the card of one model."""
    model = onnx.load(MODELS / f"{entry.name}.onnx")
    made_with = {prop.key: prop.value for prop in model.metadata_props}["made_with"]
    labels = ", ".join((MODELS / f"{entry.data}.labels.txt").read_text().splitlines())
    return f"""# {entry.name}

{entry.about}

{_accuracy_note(entry)}
- Made with: {made_with}
{_graph_note(model)}

## Input

`{model.graph.input[0].name}`, {_input_note(entry)}

The batch size N is open.

## Output

{entry.output}. Classes, in order: {labels} (`{entry.data}.labels.txt`).

## Data and licence

{DATA[entry.data]}

{LICENCE[entry.data]}

## Making it again

```
{_command(entry)}
```

`python tools/train/all.py` makes every file of this folder. With the package versions of
`tools/train/requirements.txt` and on the same machine a second run gives the same bytes; another machine may
round differently in the last digits.
"""


def table() -> str:
    """Return the table of all models, as Markdown."""
    lines = ["| model | what it is | held-out accuracy | made with | kB |", "|---|---|---|---|---|"]
    for entry in ENTRIES:
        path = MODELS / f"{entry.name}.onnx"
        made_with = {prop.key: prop.value for prop in onnx.load(path).metadata_props}["made_with"]
        size = round(path.stat().st_size / 1000)
        link = f"[{entry.name}]({entry.name}.md)"
        lines.append(f"| {link} | {entry.summary} | {_accuracy(entry)} | {made_with} | {size} |")
    return "\n".join(lines)


def readme() -> str:
    """Write the folder's front page."""
    return f"""# Models

Small real classifiers, trained and exported by this project, for its examples and its tests. The name of each
links to its card, which says how it was made, what its input is and what it returns.

{table()}

Accuracies are measured with ONNX Runtime on the files in this folder, and on what was held out of training: a quarter
of the digits and of the wines, and radiographs, reviews and sounds that were made for it; half of the radiographs bear
the marker, whatever they show. They are drawn by a program and show nobody, as reviews and sounds are made by one;
`tools/xray_scores.py` measures what methods find in the radiographs ([results](xray_scores.md)).

Next to the models are:

- `digits.labels.txt`, `wine.labels.txt` and others: the names of the classes, one per line, in the order of the
  scores
- `wine.features.txt`: the names of the measurements of a wine, one per line, in the order of the columns
- `<model>.preprocess.json`: how a picture becomes the input of a CNN, `x = (pixel * scale - mean) / std`
- `images/digit_<class>_<index>.png`: ten held-out pictures for the CNNs, one of each digit; the index is the row in
  scikit-learn's `load_digits`
- `images/xray/*.png`: four drawn radiographs, with and without an opacity, with and without the marker; one of
  them as a DICOM file as well, `*.dcm`, of 10 bits, inverted and with a window
- `masks/xray/*.png`: where their opacities and markers are; `boxes.json`: left, top, right and bottom of the opacities
- `sounds/chirp.wav`: a drawn sound; `events.json`: where the chirp is in it
- `reviews.tokenizer.json`: the words of the reviews, for the library `tokenizers`
- `digits_samples.npy`, `wine_sample.npy`: held-out rows for the other models, float32 [10, 64] and [1, 13]
- `gallery/`: the pictures of the project's README and docs, drawn by `tools/gallery.py`

Digits and wines are published under CC BY 4.0; the cards name their creators. To make everything but the gallery again:

```
pip install -r tools/train/requirements.txt
python tools/train/all.py
```
"""


def write_all() -> None:
    """Write every card and the front page."""
    for entry in ENTRIES:
        (MODELS / f"{entry.name}.md").write_text(_wrap(card(entry)), newline="\n")
    (MODELS / "README.md").write_text(_wrap(readme()), newline="\n")
