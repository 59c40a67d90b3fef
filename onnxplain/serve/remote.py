"""A model behind another server, as one that is explained by methods that perturb.

from onnxplain.serve.remote import remote
model = remote("localhost:8080", "digits", "v2", meaning="probabilities")
onnxplain.explain(model, rows, "occlusion")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.serve import needed
from onnxplain.serve.names import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.model import Model

PROTOCOLS = ("v1", "v2")
SECONDS, RETRIES = 60.0, 4


def remote(
    host: str,
    name: str,
    protocol: str = "v1",
    *,
    output: str | None = None,
    binary: bool | None = None,
    seconds: float = SECONDS,
    retries: int = RETRIES,
    headers: Mapping[str, str] | None = None,
    **options: Any,
) -> Model:
    """Return a model that another server runs; methods that perturb explain it.

    host: HOST:PORT or a URL. name: of the model there. protocol: "v1", KServe's, or "v2", the Open Inference Protocol.
    output: name of the output that holds the scores, where there are several. binary: whether tensors of v2 are sent as
    binary data; by default where the server says that it reads them. seconds: how long a question may take, with all
    that is tried again. retries: how often it is, where the server is busy (429, 503) or cannot be reached.
    headers: sent with each question, such as Authorization; no record has them.
    options: meaning, "scores" by default, and the further ones of `onnxplain.black_box`. Shape and type are those that
    the server states or, as with v1, learnt from the first rows.

    Raises UsageError for what cannot be asked, PredictorError where the server answers and has no such model,
    MissingExtraError without the libraries of the extra `serve`.
    """
    with needed():
        from onnxplain.serve.connection import Connection
        from onnxplain.serve.predictor_v1 import PredictorV1
        from onnxplain.serve.predictor_v2 import PredictorV2

    if protocol not in PROTOCOLS:
        raise UsageError(f"protocol {protocol!r}: expected one of {', '.join(PROTOCOLS)}")
    if not NAME.fullmatch(name):
        raise UsageError(f"model name {name!r}: expected letters, digits, '.', '_' and '-'")
    connection = Connection(host, f"the predictor {name!r}", seconds, retries, dict(headers or {}))
    if protocol == "v2":
        return PredictorV2(connection, name, output, binary=binary).model(**options)
    if binary:
        raise UsageError("binary: protocol v1 is JSON alone")
    return PredictorV1(connection, name, output).model(**options)
