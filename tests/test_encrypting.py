from uuid import UUID

import pytest

from service.encrypting import NoKeys, Unreadable, decrypt, encrypt

FIRST, SECOND, THIRD = (bytes([number]) * 32 for number in (1, 2, 3))
CLINIC, OTHER = UUID(int=1), UUID(int=2)
SECRET = "whsec_" + "A" * 43 + "="


def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    old = encrypt([FIRST], "webhook", CLINIC, SECRET)
    new = encrypt([SECOND, FIRST], "webhook", CLINIC, SECRET)
    assert decrypt([SECOND, FIRST], "webhook", CLINIC, old) == SECRET
    assert decrypt([SECOND, FIRST], "webhook", CLINIC, new) == SECRET
    assert decrypt([SECOND], "webhook", CLINIC, new) == SECRET
    with pytest.raises(Unreadable):
        decrypt([FIRST], "webhook", CLINIC, new)
    with pytest.raises(Unreadable):
        decrypt([SECOND], "webhook", CLINIC, old)


def test_nothing_of_a_secret_can_be_seen() -> None:
    token = encrypt([FIRST], "webhook", CLINIC, SECRET)
    assert SECRET.encode() not in token
    assert token != encrypt([FIRST], "webhook", CLINIC, SECRET)  # nor whether two are equal


def test_one_purpose_and_one_organization_cannot_pass_for_another() -> None:
    token = encrypt([FIRST], "webhook", CLINIC, SECRET)
    for purpose, organization_id in (("push", CLINIC), ("webhook", OTHER)):
        with pytest.raises(Unreadable):
            decrypt([FIRST], purpose, organization_id, token)


@pytest.mark.parametrize("place", [0, 9, 30, 60, -1])
def test_what_was_tampered_with_is_not_read(place: int) -> None:
    token = bytearray(encrypt([FIRST], "webhook", CLINIC, SECRET))
    token[place] = ord("B") if token[place] == ord("A") else ord("A")
    with pytest.raises(Unreadable):
        decrypt([FIRST], "webhook", CLINIC, bytes(token))
    with pytest.raises(Unreadable):
        decrypt([FIRST], "webhook", CLINIC, b"")


def test_without_keys_nothing_is_kept_or_read() -> None:
    with pytest.raises(NoKeys):
        encrypt([], "webhook", CLINIC, SECRET)
    with pytest.raises(NoKeys):
        decrypt([], "webhook", CLINIC, encrypt([THIRD], "webhook", CLINIC, SECRET))
