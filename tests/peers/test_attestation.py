"""Envelopes against securesystemslib, the library of in-toto and TUF, both ways."""

from __future__ import annotations

import json

import pytest

from onnxplain.errors import VerificationError
from onnxplain.runs.signing import IN_TOTO, Envelope, key_id, pae, sign

dsse = pytest.importorskip("securesystemslib.dsse", reason="securesystemslib is not installed")
signer = pytest.importorskip("securesystemslib.signer")
ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
pytestmark = pytest.mark.peer

BODY = b'{"a":"\xc3\xa9"}'


def test_securesystemslib_verifies_our_envelope():
    private = ed25519.Ed25519PrivateKey.generate()
    theirs = signer.SSlibKey.from_crypto(private.public_key())
    envelope = dsse.Envelope.from_dict(json.loads(json.dumps(sign(BODY, IN_TOTO, private).to_dict())))
    assert envelope.payload == BODY and envelope.pae() == pae(IN_TOTO, BODY)
    assert list(envelope.verify([theirs], 1)) == [theirs.keyid] == [key_id(private.public_key())]


def test_we_verify_an_envelope_of_securesystemslib():
    theirs = dsse.Envelope(BODY, IN_TOTO, {})
    second = signer.CryptoSigner.generate_ed25519()
    private = ed25519.Ed25519PrivateKey.generate()
    for each in (second, signer.CryptoSigner(private)):
        theirs.sign(each)
    envelope = Envelope.read(json.dumps(theirs.to_dict(), indent=2).encode())
    assert envelope.payload == BODY and len(envelope.signatures) == 2
    envelope.check(private.public_key(), IN_TOTO)
    with pytest.raises(VerificationError, match="no signature in it is of the key"):
        envelope.check(ed25519.Ed25519PrivateKey.generate().public_key(), IN_TOTO)


def test_both_write_the_same_envelope():
    """Ed25519 has no random part, so that one key signs one body in one way."""
    private = ed25519.Ed25519PrivateKey.generate()
    theirs = dsse.Envelope(BODY, IN_TOTO, {})
    theirs.sign(signer.CryptoSigner(private))
    assert theirs.to_dict() == sign(BODY, IN_TOTO, private).to_dict()
