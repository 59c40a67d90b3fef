"""Signatures: a DSSE envelope (Dead Simple Signing Envelope 1.0) around the bytes of a file, by an Ed25519 key.

    signature = Ed25519(PAE(type, body))        PAE = "DSSEv1" SP len(type) SP type SP len(body) SP body

The type is signed with the body, so that a signed file cannot be passed off as one of another kind. The id of a key is
a hint by which it is found, which nobody signs; it is the one that in-toto and securesystemslib give the same key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onnxplain.errors import BadInputError, MissingExtraError, VerificationError
from onnxplain.files import read_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

IN_TOTO = "application/vnd.in-toto+json"
"""The payload type of a statement of in-toto."""

_MAKE = "openssl genpkey -algorithm ed25519 -out key.pem"
_PUBLIC = "openssl pkey -in key.pem -pubout -out pub.pem"


@dataclass(frozen=True)
class Signature:
    """One signature of an envelope. keyid: the hint by which its key is found; sig: its bytes."""

    keyid: str
    sig: bytes


@dataclass(frozen=True)
class Envelope:
    """What was signed, its type, and the signatures of it."""

    payload: bytes
    kind: str
    signatures: tuple[Signature, ...]

    @classmethod
    def read(cls, data: bytes) -> Envelope:
        """Return the envelope of its JSON text. Raises VerificationError for what is none."""
        try:
            found = json.loads(data)
            signatures = [Signature(each.get("keyid", ""), _decoded(each["sig"])) for each in found["signatures"]]
            envelope = cls(_decoded(found["payload"]), found["payloadType"], tuple(signatures))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
            raise VerificationError(f"this is no DSSE envelope ({type(problem).__name__}: {problem})") from problem
        if not isinstance(envelope.kind, str) or not all(isinstance(each.keyid, str) for each in signatures):
            raise VerificationError("this is no DSSE envelope: payloadType and keyid are texts")
        return envelope

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain JSON types."""
        signatures = [{"keyid": each.keyid, "sig": _encoded(each.sig)} for each in self.signatures]
        return {"payload": _encoded(self.payload), "payloadType": self.kind, "signatures": signatures}

    def check(self, key: Ed25519PublicKey, kind: str) -> None:
        """Raise VerificationError unless the key signed this payload as one of this type."""
        from cryptography.exceptions import InvalidSignature

        if self.kind != kind:
            raise VerificationError(f"the payload type is {self.kind!r}, expected {kind!r}")
        for each in self.signatures:
            try:
                key.verify(each.sig, pae(kind, self.payload))
            except InvalidSignature:
                continue
            return
        ids = ", ".join(repr(each.keyid[:12]) for each in self.signatures) or "none"
        raise VerificationError(f"no signature in it is of the key {key_id(key)[:12]!r} (its signatures: {ids})")


def sign(payload: bytes, kind: str, key: Ed25519PrivateKey) -> Envelope:
    """Return an envelope with one signature. kind: the type of the payload, such as `IN_TOTO`."""
    return Envelope(payload, kind, (Signature(key_id(key.public_key()), key.sign(pae(kind, payload))),))


def pae(kind: str, body: bytes) -> bytes:
    """Return the bytes that are signed: the type and the body, each behind its length.

    >>> pae("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    name = kind.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(body), body)


def key_id(key: Ed25519PublicKey) -> str:
    """Return the id of a key: the SHA-256 of its description in canonical JSON, as securesystemslib takes it."""
    public = key.public_bytes_raw().hex()
    about = {"keytype": "ed25519", "keyval": {"public": public}, "scheme": "ed25519"}
    return hashlib.sha256(json.dumps(about, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_private(path: str | Path) -> Ed25519PrivateKey:
    """Read an Ed25519 private key, PEM in PKCS #8 and not encrypted.

    Raises BadInputError for anything else, MissingExtraError without cryptography.
    """
    _library()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    expected = "an Ed25519 private key in PEM"
    data = _pem(path, expected)
    if b"PRIVATE KEY-----" not in data:
        raise BadInputError(f"{str(path)!r} is {_label(data)}: expected {expected}, as `{_MAKE}` makes one")
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:  # how the library says that a password is missing
        raise BadInputError(
            f"{str(path)!r} is encrypted, and no password is asked for here: expected {expected}; decrypt it for the "
            f"time of signing by `openssl pkey -in {path} -out plain.pem`"
        ) from None
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise BadInputError(f"{str(path)!r} cannot be read as a key: expected {expected}, PKCS #8") from problem
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInputError(f"{str(path)!r} is {_named(key)}: expected {expected}, as `{_MAKE}` makes one")
    return key


def read_public(path: str | Path) -> Ed25519PublicKey:
    """Read an Ed25519 public key in PEM.

    Raises BadInputError for anything else, a private key included; MissingExtraError without cryptography.
    """
    _library()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    expected = "an Ed25519 public key in PEM"
    data = _pem(path, expected)
    if b"PUBLIC KEY-----" not in data:
        raise BadInputError(f"{str(path)!r} is {_label(data)}: expected {expected}, as `{_PUBLIC}` makes one")
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise BadInputError(f"{str(path)!r} cannot be read as a key: expected {expected}") from problem
    if not isinstance(key, Ed25519PublicKey):
        raise BadInputError(f"{str(path)!r} is {_named(key)}: expected {expected}")
    return key


def _library() -> None:
    try:
        import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401
    except ImportError as problem:
        raise MissingExtraError("signatures need cryptography: pip install 'onnxplain[sign]'") from problem


def _pem(path: str | Path, expected: str) -> bytes:
    data = read_bytes(path, expected)
    if b"-----BEGIN " not in data:
        raise BadInputError(f"{str(path)!r} is no PEM file: expected {expected}")
    return data


def _label(data: bytes) -> str:
    """Return what a PEM file says that it holds, such as "a PUBLIC KEY"."""
    label = data.partition(b"-----BEGIN ")[2].partition(b"-----")[0][:40].decode("ascii", "replace")
    return f"a PEM file of a {label}"


def _named(key: object) -> str:
    """Return what messages call a key of another algorithm: its class's name without the library's words."""
    name = type(key).__name__.strip("_").removesuffix("PrivateKey").removesuffix("PublicKey")
    return f"a key for {name}"


def _encoded(data: bytes) -> str:
    return base64.standard_b64encode(data).decode("ascii")


def _decoded(text: str) -> bytes:
    """Return the bytes of base64, in the standard's alphabet or in that for addresses; DSSE has verifiers take both."""
    try:
        return base64.b64decode(text.translate(_STANDARD), validate=True)
    except binascii.Error as problem:
        raise ValueError(f"no base64: {problem}") from problem


_STANDARD = str.maketrans("-_", "+/")
