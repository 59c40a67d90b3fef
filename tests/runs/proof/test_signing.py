"""Signatures: what is signed, by which key, and what is said where a key or an envelope is another thing."""

from __future__ import annotations

import json
import subprocess

import pytest

from onnxplain.errors import BadInputError, MissingExtraError, VerificationError
from onnxplain.runs.proof.signing import IN_TOTO, Envelope, key_id, read_private, read_public, sign

asymmetric = pytest.importorskip("cryptography.hazmat.primitives.asymmetric", reason="cryptography is not installed")
pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")  # RFC 8032, 7.1, first test
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def private(seed=None):
    kind = asymmetric.ed25519.Ed25519PrivateKey
    return kind.generate() if seed is None else kind.from_private_bytes(seed)


def written(path, key, protection=PLAIN):
    path.write_bytes(key.private_bytes(PEM, PKCS8, protection))
    return path


def published(path, key):
    path.write_bytes(key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return path


def test_a_signature_is_checked_by_the_public_half(tmp_path):
    key = read_private(written(tmp_path / "key.pem", private()))
    public = read_public(published(tmp_path / "pub.pem", key))
    envelope = Envelope.read(json.dumps(sign(b"a statement", IN_TOTO, key).to_dict()).encode())
    assert envelope.payload == b"a statement"
    envelope.check(public, IN_TOTO)
    with pytest.raises(VerificationError, match="no signature in it is of the key"):
        envelope.check(private().public_key(), IN_TOTO)
    with pytest.raises(VerificationError, match=r"payload type is 'application/vnd.in-toto\+json', expected 'text'"):
        envelope.check(public, "text")
    with pytest.raises(VerificationError, match="no signature in it"):
        Envelope(b"b statement", IN_TOTO, envelope.signatures).check(public, IN_TOTO)
    with pytest.raises(VerificationError, match=r"its signatures: none"):
        Envelope(b"a statement", IN_TOTO, ()).check(public, IN_TOTO)


def test_openssl_verifies_what_was_signed(tmp_path):
    """The command line of OpenSSL, over the bytes that the specification says are signed."""
    key = private(SEED)
    (tmp_path / "signed").write_bytes(b"DSSEv1 28 application/vnd.in-toto+json 2 {}")
    (tmp_path / "signature").write_bytes(sign(b"{}", IN_TOTO, key).signatures[0].sig)
    published(tmp_path / "pub.pem", key)
    command = "openssl pkeyutl -verify -pubin -inkey pub.pem -rawin -in signed -sigfile signature"
    try:
        done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    assert done.returncode == 0, done.stderr


def test_the_key_of_rfc_8032_has_its_public_half_and_the_id_of_its_description():
    public = private(SEED).public_key()
    assert public.public_bytes_raw().hex() == PUBLIC
    # sha256 of {"keytype":"ed25519","keyval":{"public":"d75a..."},"scheme":"ed25519"}, by sha256sum
    assert key_id(public) == "74c181c7ad8a0855d4b55e44d2ba87aabdddb196832571f15f92fece332e4916"


def test_both_alphabets_of_base64_are_read():
    key = private(SEED)
    found = sign(b"\xfb\xff\xfe?", IN_TOTO, key).to_dict()
    assert "+" in found["payload"] or "/" in found["payload"]
    found["payload"] = found["payload"].translate(str.maketrans("+/", "-_"))
    Envelope.read(json.dumps(found).encode()).check(key.public_key(), IN_TOTO)


ENVELOPES = {
    "no JSON": b"{",
    "no object": b"[]",
    "no signatures": b'{"payload": "", "payloadType": "t"}',
    "no signature": b'{"payload": "", "payloadType": "t", "signatures": [{}]}',
    "no base64": b'{"payload": "a", "payloadType": "t", "signatures": []}',
    "a letter of none": b'{"payload": "a\\u00e9==", "payloadType": "t", "signatures": []}',
    "a type that is no text": b'{"payload": "", "payloadType": 1, "signatures": []}',
    "an id that is no text": b'{"payload": "", "payloadType": "t", "signatures": [{"keyid": 1, "sig": ""}]}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_what_is_no_envelope_is_said_to_be_none(name):
    with pytest.raises(VerificationError, match="no DSSE envelope"):
        Envelope.read(ENVELOPES[name])


def keys(folder):
    """Files that are no Ed25519 private key, with what is said of each."""
    locked = serialization.BestAvailableEncryption(b"secret")
    yield written(folder / "locked.pem", private(), locked), "is encrypted.*openssl pkey -in"
    yield written(folder / "ec.pem", asymmetric.ec.generate_private_key(asymmetric.ec.SECP256R1())), "a key for E"
    yield written(folder / "rsa.pem", asymmetric.rsa.generate_private_key(65537, 1024)), "a key for RSA"
    yield published(folder / "pub.pem", private()), "is a PEM file of a PUBLIC KEY.*openssl genpkey"
    (folder / "der").write_bytes(private().private_bytes(serialization.Encoding.DER, PKCS8, PLAIN))
    yield folder / "der", "is no PEM file"
    (folder / "cut.pem").write_bytes((folder / "ec.pem").read_bytes()[:60])
    yield folder / "cut.pem", "cannot be read as a key"
    ssh = private().private_bytes(PEM, serialization.PrivateFormat.OpenSSH, PLAIN)
    (folder / "id_ed25519").write_bytes(ssh)
    yield folder / "id_ed25519", "cannot be read as a key: expected an Ed25519 private key in PEM, PKCS #8"
    yield folder / "nowhere", "does not exist"


def test_each_wrong_key_has_one_clear_error(tmp_path):
    for path, said in keys(tmp_path):
        with pytest.raises(BadInputError, match=said) as caught:
            read_private(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_wrong_public_key_is_named(tmp_path):
    written(tmp_path / "key.pem", private())
    published(tmp_path / "ec.pem", asymmetric.ec.generate_private_key(asymmetric.ec.SECP256R1()))
    (tmp_path / "cut.pem").write_bytes((tmp_path / "ec.pem").read_bytes()[:60])
    said = {"key.pem": "of a PRIVATE KEY.*-pubout", "ec.pem": "a key for E", "cut.pem": "cannot be read as a key"}
    for name, message in said.items():
        with pytest.raises(BadInputError, match=message):
            read_public(tmp_path / name)


def test_without_the_library_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'onnxplain\[sign\]'"):
        read_private(tmp_path / "key.pem")
