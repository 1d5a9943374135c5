import pytest

from service.channels import Channel, channels


def test_every_channel_is_found_by_its_code() -> None:
    assert list(channels()) == ["email", "web-push", "webhook"]
    assert all(isinstance(channel, Channel) and channel.code == code for code, channel in channels().items())


@pytest.mark.parametrize("code", channels())
def test_codes_are_kebab_case(code: str) -> None:
    assert all(part.isalnum() and part == part.lower() for part in code.split("-"))
