"""Class activation maps: the channels of a layer are weighed into one map, which is enlarged to the input."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.method import backward
from onnxplain.method.channels import Channels, WalkedChannels
from onnxplain.method.layout import Layout
from onnxplain.method.request import Result
from onnxplain.method.spec import MethodSpec
from onnxplain.method.walk_method import WalkMethod
from onnxplain.resample import resized

if TYPE_CHECKING:
    from onnxplain.feeds import Feeds
    from onnxplain.guard.engine import GuardedEngine
    from onnxplain.method.request import Request
    from onnxplain.method.weighers import Weigher
    from onnxplain.model import Model
    from onnxplain.plan.plan import Plan


@dataclass(frozen=True)
class CamSpec(MethodSpec):
    """A method that weighs the channels of a grid into a map; `make` builds its weigher.

    reads: what is read of each channel, by default its gradient.
    detail: the walk whose attribution the enlarged map is multiplied by.
    """

    _: KW_ONLY
    reads: type[Channels] = WalkedChannels
    detail: str | None = None


class CamMethod:
    """A `CamSpec` on a model. layer: name of the grid's value; by default the last one that feeds the classifier.

    Parameters that the weigher does not have are those of the walk that adds detail.
    """

    def __init__(
        self, model: Model, spec: CamSpec, parameters: dict[str, Any], feeds: Feeds, layer: str | None = None
    ) -> None:
        self.model, self.spec, self.feeds = model, spec, feeds
        detail = backward.WALKS[spec.detail].parameters if spec.detail else {}
        spec.check(parameters, spec.parameters | detail)
        own = {n: value for n, value in parameters.items() if spec.detail is None or n in spec.parameters}
        self.weigher: Weigher = spec.build(**own)
        self.layout = Layout(model, layer)
        self.channels: Channels = spec.reads(model, spec, feeds, self.layout)
        self.detail: WalkMethod | None = None
        if spec.detail:
            given = {n: v for n, v in parameters.items() if n not in own}
            self.detail = WalkMethod(model, backward.WALKS[spec.detail], given, feeds)
        self.parameters = spec.parameters | parameters | {"layer": self.layout.layer}

    @property
    def plan(self) -> Plan | None:
        """The plan of the gradient from the target to the layer; None where only scores are read."""
        return self.channels.plan

    @property
    def engine(self) -> GuardedEngine:
        """See `Method`."""
        return self.channels.engine

    def run(self, request: Request) -> Result:
        """Weigh the channels and enlarge the map. Each channel of the input gets an equal share of the value."""
        request = request.precise(self.model.precision)
        shape = request.batch.x.shape
        places = self.layout.places(len(shape), request.batch.channel_axis)
        known, A, weights = self.channels.read(request, places)
        raw = self.weigher(A, weights)
        sizes = [n if axis in (0, *places) else 1 for axis, n in enumerate(shape)]
        maps = resized(raw, [shape[axis] for axis in places]).reshape(sizes)
        if self.detail is None:
            attribution = np.broadcast_to(maps / (np.prod(shape) / maps.size), shape).astype(raw.dtype)
        else:
            attribution = maps * self.detail.run(request).attribution
        return Result(attribution, known.score, known.scores, known.chosen, raw=raw)
