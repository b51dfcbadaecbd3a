"""Signed notes as others write and read them."""

import pytest

from snapshots.audit.notes import (
    Checkpoint,
    NoteInvalid,
    Signer,
    VerifierKey,
    opened,
    read_checkpoint,
    verified_checkpoint,
)

NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
WORDS = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
NOTE = f"{WORDS}\n— PeterNeumann {SIGNATURE}\n"
"""A key and a note of Go's package golang.org/x/mod/sumdb/note."""
SEED = bytes(range(32))
ROOT = bytes(range(32, 64))


def test_a_note_that_go_has_signed() -> None:
    key = VerifierKey.parsed(NEUMANN)
    assert str(key) == NEUMANN
    assert opened(NOTE, [key]) == WORDS


def test_a_checkpoint_comes_back() -> None:
    signer = Signer(SEED, "casino.example/log")
    note = signer.sign(12_345, ROOT)
    assert verified_checkpoint(note, [VerifierKey.parsed(str(signer.verifier))]) == Checkpoint(
        "casino.example/log", 12_345, ROOT
    )
    assert note == signer.sign(12_345, ROOT)


def test_another_witness_may_have_signed_too() -> None:
    signer, witness = Signer(SEED, "casino.example/log"), Signer(bytes(32), "witness.example/w1")
    note = signer.sign(5, ROOT)
    cosigned = note + witness.sign(5, ROOT).splitlines(keepends=True)[-1]
    assert verified_checkpoint(cosigned, [signer.verifier]).size == 5


@pytest.mark.parametrize(
    "wrong",
    [
        lambda note: note.replace("12345", "12346"),
        lambda note: note.replace("casino.example/log\n", "casino.example/other\n", 1),
        lambda note: note[:-5] + "AAA=\n",
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.rstrip("\n"),
        lambda note: note.replace("\u2014", "-"),
        lambda note: "",
        lambda note: note.partition("\n\n")[0] + "\n\n",
    ],
)
def test_a_note_that_was_changed_is_refused(wrong: "object") -> None:
    signer = Signer(SEED, "casino.example/log")
    with pytest.raises(NoteInvalid):
        verified_checkpoint(wrong(signer.sign(12_345, ROOT)), [signer.verifier])  # type: ignore[operator]


def test_a_note_of_somebody_else_is_refused() -> None:
    note = Signer(bytes(32), "casino.example/log").sign(1, ROOT)
    with pytest.raises(NoteInvalid, match="none of the keys"):
        verified_checkpoint(note, [Signer(SEED, "casino.example/log").verifier])


@pytest.mark.parametrize(
    "text", ["o\n01\nAAAA\n", "o\n-1\nAAAA\n", "o\n1\nAAAA\n", "\n1\n" + "A" * 43 + "=\n", "o\n1\n"]
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(NoteInvalid):
        read_checkpoint(text)


@pytest.mark.parametrize("text", ["", "a+b", NEUMANN.replace("c74f", "c74e"), "PeterNeumann+c74f20a3+AAAA"])
def test_what_is_no_verifier_key(text: str) -> None:
    with pytest.raises(NoteInvalid):
        VerifierKey.parsed(text)


def test_without_a_name_the_key_names_itself() -> None:
    assert Signer(SEED).origin != Signer(bytes(32)).origin
