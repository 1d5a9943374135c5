from service.db.subscription_tables import DeliveryRow, SubscriptionRow
from service.db.tables import table_of
from service.domain.delivery import Delivery
from service.domain.subscription import Filters, Subscription


def test_rows_have_a_column_for_every_field() -> None:
    subscribed = (Subscription.__dataclass_fields__.keys() - {"filters"}) | Filters.__dataclass_fields__.keys()
    assert set(table_of(SubscriptionRow).c.keys()) == {"organization_id", *subscribed}
    assert set(table_of(DeliveryRow).c.keys()) == {"organization_id", "settled_at", *Delivery.__dataclass_fields__}


def test_what_waits_is_found_without_what_was_settled() -> None:
    indexes = table_of(DeliveryRow).indexes
    assert {index.name for index in indexes} == {"ix_deliveries_due", "ix_deliveries_lane"}
    assert all(str(index.dialect_options["postgresql"]["where"]) == "state = 'waiting'" for index in indexes)
