"""A model that is known by its answers alone: a function, be it of scikit-learn, of PyTorch or behind a server.

Methods that perturb ask it for the scores of changed rows, and need nothing else. It has no graph, no weights and no
sha256: whatever needs one refuses it by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain import checks
from onnxplain.engines.answers import BYTES, MEANINGS, ROWS, TOLERANCE, AnsweringEngine, Answers
from onnxplain.errors import BadInputError, UnsupportedModelError, UsageError
from onnxplain.fitting import fitted
from onnxplain.graph.deployed import Stated
from onnxplain.graph.load import Identity
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.inputs import Sound, as_array
from onnxplain.inputs.names import read_names
from onnxplain.inputs.text import text_reader
from onnxplain.inputs.vocabulary import read_vocabulary
from onnxplain.limits import Limits
from onnxplain.model import Model
from onnxplain.passes import Canonical
from onnxplain.passes.probability import GivenHead
from onnxplain.rows.found import Rows
from onnxplain.summary import said_of_input, said_of_labels, said_of_preprocess
from onnxplain.text import columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import onnx
    from numpy.typing import DTypeLike

    from onnxplain.arrays import Array
    from onnxplain.engines.base import Engine
    from onnxplain.graph.deployed import Deployed
    from onnxplain.inputs import Preprocess
    from onnxplain.inputs.content import Content
    from onnxplain.passes.probability import Head

_KINDS = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "bool")
"""The types that rows may have."""


@dataclass(eq=False, repr=False)
class BlackBox(Model):
    """What `black_box` returns: a model without a file. Its graph is one node, which stands for all that is unknown.

    answers: what runs it.
    """

    answers: Answers = field(kw_only=True, repr=False)

    @property
    def sha256(self) -> str:
        """Raises UnsupportedModelError: there is no file."""
        self._refuse("sha256")

    @property
    def proto(self) -> onnx.ModelProto:
        """Raises UnsupportedModelError: there is no file."""
        self._refuse("graph")

    @property
    def file(self) -> Deployed:
        """Raises UnsupportedModelError: there is no file."""
        self._refuse("no file")

    def _refuse(self, what: str) -> NoReturn:
        raise UnsupportedModelError(
            f"{self.answers} is known by its answers alone, and has no {what} that could be read or compared"
        )

    @property
    def settled(self) -> bool:
        """See `OfFile`."""
        return self.answers.axes is not None

    def settle(self, source: object) -> None:
        """Find out how many axes the input has, where nobody said, by asking for the first of some rows.

        Rows that are refused settle nothing. Raises BadInputError for what is no array of rows, PredictorError where it
        gives no scores of them.
        """
        if self.settled:
            return
        rows = as_array(source, "input")
        if rows.ndim < 2 or not len(rows) or rows.dtype.kind not in "biuf":
            raise BadInputError(
                f"input: {rows.dtype} of shape {list(rows.shape)}: what {self.answers} takes is learnt from the first "
                "rows; give numbers, rows first, or shape= to begin with"
            )
        x = self.explained_input
        self.answers(rows[:1].astype(numpy_dtype(x)))
        x.shape = ["N", *[None] * (rows.ndim - 1)]
        self.answers.axes = rows.ndim

    def check_same(self, scores: Array, again: Callable[[], Array]) -> None:
        """See `OfFile`: what answers may be exchanged at any time, for another version of the model, say."""
        self.answers.check_same(scores, again(), "when the explanation is done")

    def check_has_file(
        self, what: str, instead: str = "it is explained, compared and judged by methods that perturb"
    ) -> None:
        """Raise UnsupportedModelError."""
        raise UnsupportedModelError(
            f"{what} needs the file of a model, and {self.answers} is known by its answers alone; {instead}"
        )

    @property
    def name(self) -> str:
        """See `Model`."""
        return self.answers.name

    @property
    def known_by(self) -> dict[str, Any]:
        """See `Model`."""
        return {"path": None, "sha256": None, "file_sha256": None, "predictor": self.answers.to_dict()}

    @property
    def caveats(self) -> tuple[str, ...]:
        """See `OfFile`."""
        explained = {
            "scores": "the numbers that it answers are explained, as scores",
            "probabilities": "the probabilities that it answers are explained, and no scores before a softmax",
        }
        return (
            "the model is known by its answers alone: nothing proves what computed them, nor that it will answer alike",
            explained[self.answers.meaning],
        )

    def engine_on(self, canonical: Canonical) -> Engine:
        """See `Model`."""
        return AnsweringEngine(self.answers, canonical)

    @cached_property
    def _engine(self) -> Engine:
        return self.engine_on(self.canonical)

    def outputs(self, feeds: Mapping[str, Array]) -> dict[str, Any]:
        """See `Model`."""
        return dict(self._engine.values(feeds, {self.canonical.scores}))

    def stated(self) -> tuple[tuple[Stated, ...], tuple[Stated, ...]]:
        """See `Model`: what is known of the rows, whose shape is empty until they settle it, and of the answers."""
        (x,), (y,) = self.canonical.graph.inputs, self.canonical.graph.outputs
        shape, scores = self.input_shape, self.answers.dtype or np.dtype(self.precision)
        given = Stated(x.name, _kind(numpy_dtype(x) or scores), shape if self.settled else ())
        return (given,), (Stated(y.name, _kind(scores), (shape[0], self.answers.classes)),)

    @cached_property
    def head(self) -> Head:
        """What makes probabilities of the scores: nothing, where they are probabilities."""
        return GivenHead(self.canonical, probable=self.probable)

    @property
    def probable(self) -> bool:
        """See `OfFile`."""
        return self.answers.meaning == "probabilities"

    @property
    def decides(self) -> bool:
        """See `Model`."""
        return self.probable

    @property
    def independent_scores(self) -> bool | None:
        """See `Model`."""
        return None if self.probable else False

    def __repr__(self) -> str:
        (x,) = self.canonical.graph.inputs
        rows = [
            ("predictor", self.name),
            ("known by", "its answers alone"),
            ("input", said_of_input(x)),
            ("answers", f"{self.answers.meaning}, {self.classes or self.answers.classes or 'any number of'} a row"),
            ("labels", said_of_labels(self)),
            ("preprocess", said_of_preprocess(self)),
            ("explained", "only by methods that perturb"),
        ]
        return columns(rows)


def _kind(dtype: np.dtype[Any]) -> str:
    """Return a type as onnxruntime writes it."""
    return f"tensor({ {'float32': 'float', 'float64': 'double'}.get(dtype.name, dtype.name) })"


def black_box(
    function: Callable[[Array], Any],
    shape: Sequence[int | str | None] | None = None,
    dtype: DTypeLike = "float32",
    *,
    meaning: str,
    name: str | None = None,
    classes: int | None = None,
    rows: int = ROWS,
    tolerance: float = TOLERANCE,
    preprocess: Content | Mapping[str, Any] | Preprocess | None = None,
    labels: Content | Sequence[str] | None = None,
    features: Content | Sequence[str] | None = None,
    vocabulary: Content | Sequence[str] | None = None,
    rate: int | Mapping[str, Any] | Sound | None = None,
    limits: Limits | Mapping[str, Any] | None = None,
) -> Model:
    """Return a model that is known only by what a function answers; methods that perturb explain it.

    function: takes rows, an array of `shape` and `dtype`, and returns their scores [N, C], or [N] where a row has one.
    shape: rows first, (None, 3, 224, 224); a number in the place of None is the only number of rows that it takes, and
    any other length may be left open as well; without a shape, the first rows tell how many axes there are. meaning:
    "scores" or "probabilities", which it answers.
    name: what messages and the record call it. classes: C; otherwise the first answer tells.
    rows: how many it is asked for at once at most. tolerance: the share of the largest score up to which its answers to
    the same question may differ. preprocess, labels, features, vocabulary, rate, limits: as in `load`.

    Raises UsageError for what does not fit together. What the function answers is checked as it answers: it has to be
    finite, the same when it is asked again, and the same for a row whichever rows are beside it (PredictorError).
    """
    answers = _answers(function, meaning, name, classes, rows, tolerance)
    answers.axes = None if shape is None else len(shape)
    if shape is None and preprocess is not None:
        raise UsageError("preprocess= needs shape=, such as (None, 3, 224, 224), to know where channels and pixels are")
    known, canonical = read_vocabulary(vocabulary), _canonical((None, None) if shape is None else shape, dtype, classes)
    about = {"vocabulary": known.words, "reader": text_reader(known), "sound": Sound.of(rate)}
    return fitted(
        _model(answers, canonical, **about, labels=read_names(labels), limits=Limits.of(limits)), preprocess, features
    )


def _answers(
    function: Callable[[Array], Any], meaning: str, name: str | None, classes: int | None, rows: int, tolerance: float
) -> Answers:
    """Return the function with what is said of it. One with the attributes `name`, `about` or `size` says it itself."""
    if not callable(function):
        raise UsageError(f"function={function!r}: expected a function from rows to scores, such as model.predict_proba")
    if meaning not in MEANINGS:
        raise UsageError(f"meaning={meaning!r}: expected {' or '.join(map(repr, MEANINGS))}, whichever it answers")
    checks.whole(rows=rows, classes=1 if classes is None else classes)
    checks.real(tolerance=tolerance)
    known = getattr(function, "name", None) or getattr(function, "__qualname__", type(function).__qualname__)
    called = name or str(known).rpartition("<locals>.")[2]
    size, about = getattr(function, "size", BYTES), getattr(function, "about", {})
    return Answers(function, called, meaning, classes, rows, size, tolerance, dict(about))


def _model(answers: Answers, canonical: Canonical, **about: Any) -> BlackBox:
    exact = canonical.graph.inputs[0].dtype == np.float64
    return BlackBox(
        path=None,
        identity=Identity("", ""),  # nothing reads it, nor the source: see `BlackBox.sha256`
        source=b"",
        canonical=canonical,
        engine="predictor",
        precision="float64" if exact else "float32",
        parity="never",
        answers=answers,
        **about,
    )


def _canonical(shape: Sequence[int | str | None], dtype: DTypeLike, classes: int | None) -> Canonical:
    """Return the graph of one node, from rows to scores."""
    kind = np.dtype(dtype)
    if kind.name not in _KINDS:
        raise UsageError(f"dtype={dtype!r}: expected one of {', '.join(_KINDS)}")
    sizes = [_length(shape, each) for each in shape]
    if len(sizes) < 2:
        raise UsageError(f"shape={tuple(shape)}: expected the rows and the axes of a row, such as (None, 64)")
    rows_axis = "N" if sizes[0] is None else sizes[0]
    x = gs.Variable("input", kind, [rows_axis, *sizes[1:]])
    scores = gs.Variable("scores", np.dtype(np.float32), [rows_axis, classes])
    node = gs.Node("Answers", "answers", {}, [x], [scores], domain="onnxplain.answers")
    graph = gs.Graph([node], [x], [scores], opset=21)
    rows = Rows(proven=True, by_row=frozenset({x.name}))  # `Answers` proves it of its answers
    return Canonical(graph, (), scores.name, (), scores.name, inputs=(x.name,), rows=rows)


def _length(shape: Sequence[int | str | None], each: int | str | None) -> int | str | None:
    if each is None or each == -1 or isinstance(each, str):
        return each if isinstance(each, str) else None
    if isinstance(each, bool) or not isinstance(each, (int, np.integer)) or each < 1:
        raise UsageError(f"shape={tuple(shape)}: expected lengths of 1 or more, and None for one that is left open")
    return int(each)
