"""The log folded again, past the code that keeps the tables: both must agree."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from analytics import events, projections, store
from analytics.models import Customer
from analytics.persons import Member, settle

ABOUT_PEOPLE = (
    *("consent_changed", "customer_aliased", "customer_identified"),
    "identity_unlinked",
)
COLUMNS = ("key", "linked_to", "split_from", "said", "said_at", "person", "consent")


def projected(*, but: str = "") -> dict[str, list[Any]]:
    """Return every row of every projection's table, `but` for one column."""
    return {
        table.__name__: sorted(
            table._default_manager.values_list(
                *(
                    column.name
                    for column in table._meta.local_concrete_fields
                    if column.name != but
                )
            ),
            key=str,
        )
        for projection in projections.ALL.values()
        for table in projection.tables
    }


def people() -> set[tuple[Any, ...]]:
    """Return who is who, as the table says."""
    return set(Customer.objects.values_list(*COLUMNS))


def people_again() -> set[tuple[Any, ...]]:
    """Return who is who, as the log says."""
    told = Told()
    for stored in store.read(until=store.high_water(), types=ABOUT_PEOPLE):
        if stored.customer is not None:
            told.add(stored.customer, stored)
    return told.rows()


class Told:
    """The links and words that the log speaks of, by key."""

    def __init__(self) -> None:
        keys = Customer.objects.order_by("key").values_list("key", flat=True)
        self.members = {key: Member(key=key) for key in keys}
        self.split: dict[UUID, UUID | None] = {}

    def add(self, who: UUID, stored: store.Stored) -> None:
        match stored.event:
            case events.CustomerIdentified(anonymous=other) if other:
                self.link(other, who)
            case events.CustomerAliased(previous=other) if other:
                self.link(other, who)
            case events.IdentityUnlinked():
                self.split[who] = self.members[who].linked_to
                self.members[who] = replace(self.members[who], linked_to=None)
            case events.ConsentChanged(personalised=said):
                last, at = self.members[who].said_at, stored.occurred_at
                if last is None or last <= at:
                    self.members[who] = replace(
                        self.members[who], said=said, said_at=at
                    )
            case _:
                pass

    def link(self, key: UUID, target: UUID) -> None:
        mine = self.members[key]
        if mine.linked_to or self.split.get(key) == target:
            return
        if self.root(key) != self.root(target):
            self.members[key] = replace(mine, linked_to=target)

    def root(self, key: UUID) -> UUID:
        while further := self.members[key].linked_to:
            key = further
        return key

    def rows(self) -> set[tuple[Any, ...]]:
        settled = settle(self.members.values())
        return {
            (
                *(key, m.linked_to, self.split.get(key), m.said, m.said_at),
                *(settled[key].person, settled[key].consent),
            )
            for key, m in self.members.items()
        }
