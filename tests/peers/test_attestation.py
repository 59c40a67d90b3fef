"""Envelopes against securesystemslib, the library of in-toto and TUF, both ways; statements against in-toto's types."""

from __future__ import annotations

import json

import pytest
from runs.making import MODEL, pictures, small

from onnxplain.errors import VerificationError
from onnxplain.runs.encoded import digest, encoded
from onnxplain.runs.proof.attest import RUN, sign_run
from onnxplain.runs.proof.signing import IN_TOTO, Envelope, key_id, pae, sign
from onnxplain.runs.proof.statement import FAILED, PASSED, descriptor, gates_statement

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


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A signed run with gates, and the public key."""
    folder = tmp_path_factory.mktemp("made")
    private = ed25519.Ed25519PrivateKey.generate()
    run = small(pictures(folder / "photos", count=4), folder / "run")
    gates = {"parity": PASSED, "watermark": FAILED}
    found = gates_statement(run.job, run.end["ledger"]["head"], gates, [descriptor("audit.toml", "0" * 64)])
    (folder / "run" / "statement.gates.json").write_bytes(encoded(found))
    sign_run(folder / "run", private)
    return folder / "run", signer.SSlibKey.from_crypto(private.public_key())


@pytest.mark.parametrize("name", ["statement", "statement.gates"])
def test_in_toto_reads_the_statements_of_a_signed_run(made, name):
    """The envelope by securesystemslib, the statement by the protocol buffers of in-toto, which know no other field."""
    json_format = pytest.importorskip("google.protobuf.json_format")
    statements = pytest.importorskip("in_toto_attestation.v1.statement", reason="in-toto-attestation is not installed")
    message = pytest.importorskip("in_toto_attestation.v1.statement_pb2")
    run, key = made
    envelope = dsse.Envelope.from_dict(json.loads((run / f"{name}.dsse.json").read_bytes()))
    assert list(envelope.verify([key], 1)) == [key.keyid]
    assert envelope.payload == (run / f"{name}.json").read_bytes()
    read = json_format.Parse(envelope.payload, message.Statement())
    statements.Statement.copy_from_pb(read).validate()
    assert dict(read.subject[0].digest) == {"sha256": digest(MODEL.read_bytes())}
    assert json_format.MessageToDict(read)["predicate"] == json.loads(envelope.payload)["predicate"]


def test_in_toto_reads_the_results_of_gates(made):
    """Parsed as the standard test-result predicate, strictly: a field that it lacks would be an error."""
    json_format = pytest.importorskip("google.protobuf.json_format")
    results = pytest.importorskip("in_toto_attestation.predicates.test_result.v0.test_result_pb2")
    statement = json.loads((made[0] / "statement.gates.json").read_bytes())
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    found = json_format.ParseDict(statement["predicate"], results.TestResult())
    assert (
        found.result == "FAILED"
        and list(found.passed_tests) == ["parity"]
        and list(found.failed_tests) == ["watermark"]
    )
    assert [each.name for each in found.configuration][-1] == "audit.toml"


def test_in_toto_reads_what_signs_the_times(made):
    run, key = made
    envelope = dsse.Envelope.from_dict(json.loads((run / "run.dsse.json").read_bytes()))
    assert list(envelope.verify([key], 1)) == [key.keyid]
    assert envelope.payload_type == RUN and envelope.payload == (run / "run.json").read_bytes()
