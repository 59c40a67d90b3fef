"""What of a run is signed: its statements, which other tools read, and run.json, which alone has times and machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.errors import BadInputError, VerificationError
from onnxplain.files import read_bytes
from onnxplain.runs.encoded import encoded
from onnxplain.runs.folder import END, save
from onnxplain.runs.proof import statement
from onnxplain.runs.proof.signing import IN_TOTO, Envelope, key_id, sign

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

RUN = "application/vnd.onnxplain.run+json"
"""The payload type of run.json."""
SIGNED = {statement.NAME: IN_TOTO, END: RUN, statement.GATES_NAME: IN_TOTO}
"""The files that are signed, with the types of their payloads."""


def envelope_name(name: str) -> str:
    """Return the name of the file that holds the signature of a file.

    >>> envelope_name("statement.json")
    'statement.dsse.json'
    """
    return f"{name.removesuffix('.json')}.dsse.json"


def sign_run(folder: Path, key: Ed25519PrivateKey) -> list[Path]:
    """Sign a finished run, and return the envelopes that were written beside its files.

    Raises BadInputError where the run is not finished.
    """
    if not (folder / END).is_file():
        raise BadInputError(f"{folder}: the run is not finished, so there is nothing to sign yet")
    written = []
    for name, kind in SIGNED.items():
        if (folder / name).is_file():
            path = folder / envelope_name(name)
            save(path, encoded(sign(read_bytes(folder / name, "a file of a run"), kind, key).to_dict()))
            written.append(path)
    return written


def opened(data: bytes, kind: str, key: Ed25519PublicKey | None) -> Envelope:
    """Return the envelope that a file of a run holds; with a key, one that it signed.

    Raises VerificationError where it is none, is not in the form in which a run writes it, or is signed by others.
    """
    envelope = Envelope.read(data)
    if encoded(envelope.to_dict()) != data:
        raise VerificationError("it is not in the form in which a run writes it")
    if envelope.kind != kind:
        raise VerificationError(f"the payload type is {envelope.kind!r}, expected {kind!r}")
    if key is not None:
        envelope.check(key, kind)
        if key_id(key) not in [each.keyid for each in envelope.signatures]:
            raise VerificationError(f"it states another id of the key, which is {key_id(key)[:12]!r}")
    return envelope
