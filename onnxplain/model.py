"""A loaded model: the file, its canonical graph, and how a picture becomes its input. Nothing here changes the file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

from onnxplain.engines.choice import engine_for
from onnxplain.engines.cupy import EXTRAS
from onnxplain.errors import OnnxplainError, UsageError
from onnxplain.graph.deployed import Deployed
from onnxplain.graph.load import Identity, ModelSource, read_again
from onnxplain.graph.settings import Settings
from onnxplain.inputs.shape import static
from onnxplain.limits import Limits
from onnxplain.of_file import OfFile
from onnxplain.passes import Canonical, expanded
from onnxplain.passes.behind import behind
from onnxplain.passes.packed import packed
from onnxplain.passes.probability import Head
from onnxplain.plan.roots import find_input, find_root, find_roots, find_table, held_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import onnx
    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array
    from onnxplain.engines.base import Engine
    from onnxplain.feeds import Inputs
    from onnxplain.graph.deployed import Stated
    from onnxplain.inputs import Preprocess, Sound
    from onnxplain.inputs.batch import Batch
    from onnxplain.inputs.table import Table
    from onnxplain.inputs.text import TextReader
    from onnxplain.prediction import Prediction, Predictor


@dataclass(eq=False, repr=False)
class Model(OfFile):
    """What `load` returns.

    source: the path, the bytes or the proto that was given. path: the path as text, None for the others. identity: what
    the model is known by, its sha256.
    canonical: the graph that the rules walk, made of the file by the passes. labels, features, vocabulary: names of the
    classes, of the columns of a table, of the token ids. reader: makes token ids of texts. absent: of what a single
    sigmoid decides for where it does not decide for its class. engine, precision: how the walk runs. input: name of the
    input to explain, where the file has several; of the first one, where several are explained together. together: the
    names of all of these; none where one is explained. own: the preprocess, features and vocabulary of each.
    limits: what the file and the inputs may ask for. settings: how onnxruntime's sessions are opened. sound: what is
    stated of the waveforms that it takes.
    parity: when the file itself is run, to prove that its scores are explained; see `onnxplain.load`.
    """

    path: str | None
    identity: Identity
    source: ModelSource = field(repr=False)
    canonical: Canonical = field(repr=False)
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None
    vocabulary: tuple[str, ...] | None = None
    reader: TextReader | None = field(default=None, repr=False)
    engine: str = "numpy"
    precision: str = "float32"
    input: str | None = None
    together: tuple[str, ...] = ()
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    limits: Limits = field(default_factory=Limits, repr=False)
    parity: str = "first"
    absent: str | None = None
    settings: Settings = field(default_factory=Settings, repr=False)
    sound: Sound | None = None
    _expanded: dict[Callable[[gs.Node], bool], Canonical] = field(default_factory=dict, init=False, repr=False)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file and its external data, see `onnxplain.graph.load.Identity`."""
        return self.identity.sha256

    @property
    def name(self) -> str:
        """What messages call the model: the path of its file or, of one in memory, the beginning of its sha256."""
        return self.path or f"sha256 {self.sha256[:12]}"

    @property
    def known_by(self) -> dict[str, Any]:
        """What a record says of where the model came from."""
        return {"path": self.path, "sha256": self.sha256, "file_sha256": self.identity.file_sha256}

    @property
    def proto(self) -> onnx.ModelProto:
        """The file's own graph. It is read anew at each use, so that the weights are not in memory twice.

        Raises BadInputError where the file has changed since it was loaded.
        """
        with self.limits.hold():
            return read_again(self.source, self.identity)

    @cached_property
    def file(self) -> Deployed:
        """The file as plain onnxruntime runs it."""
        about = self.canonical.fixed, lambda: self.proto, self.canonical.halves
        return Deployed(self.source, *about, settings=self.settings)

    def engine_on(self, canonical: Canonical) -> Engine:
        """Return a new engine of the kind that the model was loaded for, on a form of its canonical graph."""
        return engine_for(self.engine, canonical, self.precision)

    def outputs(self, feeds: Mapping[str, Array]) -> dict[str, Any]:
        """Return all outputs of the file itself, by name. feeds: its inputs, rows first."""
        return self.file.outputs(self.canonical.rows.of_file(feeds))

    def stated(self) -> tuple[tuple[Stated, ...], tuple[Stated, ...]]:
        """Return the inputs and the outputs of the file itself, as onnxruntime states them."""
        return self.file.stated()

    @cached_property
    def _predictor(self) -> Predictor:
        from onnxplain.prediction import Predictor

        return Predictor(self)

    def predict(self, x: Inputs | Batch, top: int = 5) -> Prediction:
        """Return what the file itself, unchanged, says of the rows of `x`; it prints as a table.

        x: as in `Explainer.__call__`. top: how many classes of a row are listed.
        """
        return self._predictor(x, top)

    @cached_property
    def head(self) -> Head:
        """What makes probabilities of the scores, as the file does."""
        return Head(self.canonical)

    @property
    def device(self) -> str:
        """Where the walk runs: "cuda" for the engines on a GPU, else "cpu"."""
        return "cuda" if self.engine in EXTRAS else "cpu"

    @cached_property
    def root(self) -> str:
        """Name of the value that is attributed to: the input or, behind integers, the first float value."""
        return find_root(self.canonical.graph, self.canonical.scores, self.input)[0]

    @cached_property
    def explained_input(self) -> gs.Variable:
        """The graph input that is explained."""
        name = find_input(self.canonical.graph, self.canonical.scores, self.input)
        return next(value for value in self.canonical.graph.inputs if value.name == name)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the model, and of what is held where a value behind the input is attributed to."""
        own, name = self.canonical.notes, self.explained_input.name
        try:
            held = held_inputs(self.canonical.graph, self.root, self.canonical.scores) if self.root != name else []
        except OnnxplainError:  # the scores have no derivative
            held = []
        if not held:
            return own
        given = ", ".join(map(repr, held))
        note = (
            f"{name} is explained at {self.root!r}; what else is computed from {given}, such as masks, is held constant"
        )
        return (*own, note)

    @cached_property
    def behind(self) -> Model:
        """The model from its root on, which is its explained input there; see `onnxplain.passes.behind`.

        The file does not take what this model takes, so its scores are compared by those who know the input.
        """
        return self.behind_value(self.root)

    def behind_value(self, name: str, axes: int | None = None) -> Model:
        """Return the model from a value on; see `behind`. axes: how many of the input's axes the value has, or all."""
        canonical = behind(self.canonical, name, self.explained_input.name, axes)
        return replace(self, canonical=canonical, input=name, preprocess=None, parity="never")

    @cached_property
    def roots(self) -> dict[str, str]:
        """The value that is attributed to of each input that is explained together with others, by the input's name."""
        return find_roots(self.canonical.graph, self.canonical.scores, self.together)

    @cached_property
    def alone(self) -> dict[str, Model]:
        """The model as it is where one of several inputs is explained by itself, by the name of the input."""
        return {name: replace(self, input=name, together=(), own={}, **self.own[name]) for name in self.together}

    def as_one(self, rows: Mapping[str, tuple[int, ...]]) -> Model:
        """Return the model from its roots on, which are one input there; see `onnxplain.passes.packed`.

        rows: the shape of a row of each root, by the name of the input. As with `behind`, the file does not take it.
        """
        canonical = self.canonical
        for name, root in self.roots.items():
            canonical = canonical if root == name else behind(canonical, root, name)
        graph = packed(canonical.graph, {self.roots[name]: row for name, row in rows.items()})
        x, known = graph.inputs[0].name, canonical.rows
        by_row = None if known.by_row is None else known.by_row | {x}
        canonical = replace(canonical, graph=graph, rows=replace(known, by_row=by_row))
        return replace(self, canonical=canonical, input=x, together=(), own={}, preprocess=None, parity="never")

    def check_one(self, what: str) -> None:
        """Raise UsageError where several inputs are explained together, and `what` is for a model of one."""
        if self.together:
            raise UsageError(
                f"{what}, and {', '.join(map(repr, self.together))} are explained together; load the model with "
                f"input={self.together[0]!r} for one of them, beside which the others are held as they are"
            )

    @property
    def input_shape(self) -> tuple[int | str | None, ...]:
        """Shape of the explained input; names or None where it is dynamic."""
        return tuple(self.explained_input.shape or ())

    @cached_property
    def table(self) -> Table | None:
        """The inputs as one table, where they are its columns; None for a model whose input is explained by itself."""
        return find_table(self.canonical.graph, self.canonical.scores, self.input)

    @property
    def columns(self) -> int | None:
        """How many columns a table has; None for an input that is no table, or where the file leaves it open."""
        if self.table is not None:
            return len(self.table.names)
        shape = self.input_shape
        return static(shape[1]) if len(shape) == 2 else None

    @property
    def classes(self) -> int | None:
        """How many scores a row has; None where the file leaves it open."""
        sizes = [static(size) for size in self.canonical.graph.outputs[0].shape or (None, None)][1:]
        return None if None in sizes else prod(filter(None, sizes))

    @property
    def decides(self) -> bool:
        """Whether a score that a row has alone is that of a class that is decided for or against, as by a sigmoid."""
        return self.canonical.independent_scores

    @property
    def independent_scores(self) -> bool | None:
        """Whether each score has a probability of its own; None where it is not that of a softmax of a row either."""
        several = sum(each != 1 for each in self.places) > 1
        return self.canonical.independent_scores or (None if several else False)

    @cached_property
    def places(self) -> tuple[int | None, ...]:
        """Lengths of the axes of a row's scores, in the layout of the file's output; None where one is open."""
        return tuple(static(size) for size in (self.canonical.graph.outputs[0].shape or ())[1:])

    @property
    def fixed_batch(self) -> int | None:
        """The number of rows that the file is fixed to; None where it takes any number."""
        shape = self.input_shape
        return shape[0] if shape and isinstance(shape[0], int) and shape[0] > 0 else None

    def expanded(self, wanted: Callable[[gs.Node], bool]) -> Canonical:
        """Return the canonical graph with the wanted operators in primitive steps; it is made once."""
        if wanted not in self._expanded:
            graph = expanded(self.canonical.graph, wanted)
            same = graph is self.canonical.graph
            self._expanded[wanted] = self.canonical if same else replace(self.canonical, graph=graph)
        return self._expanded[wanted]

    def __getstate__(self) -> dict[str, Any]:
        """Pickle what the model was made of; what was derived from it is derived again."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.init}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state | {"_expanded": {}})

    def __repr__(self) -> str:
        from onnxplain.summary import summary

        return summary(self)

    def label(self, index: int) -> str:
        """Return the name of a class, or its index where no labels are known."""
        return str(index) if self.labels is None else self.labels[index]
