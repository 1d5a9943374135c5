from datetime import UTC, datetime, timedelta

from service.domain.subscription import OVERLAP, Filters, Subscription

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def subscription(former: bytes | None = None, until: datetime | None = None) -> Subscription:
    return Subscription(
        subscription_id="ehr",
        channel="webhook",
        address="https://ehr.example/evenkeel",
        filters=Filters(),
        created_at=AT,
        changed_at=AT,
        secret=b"new",
        former_secret=former,
        former_until=until,
    )


def test_two_secrets_are_valid_until_the_former_one_ends() -> None:
    changing = subscription(b"old", AT + OVERLAP)
    assert changing.secrets(AT) == (b"new", b"old")
    assert changing.secrets(AT + OVERLAP - timedelta(microseconds=1)) == (b"new", b"old")
    assert changing.secrets(AT + OVERLAP) == (b"new",)
    assert subscription().secrets(AT) == (b"new",)


def test_no_secret_is_shown() -> None:
    assert "old" not in repr(subscription(b"old", AT))
    assert "new" not in repr(subscription(b"old", AT))
