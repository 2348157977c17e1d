"""A back office with some rows in every table, and the addresses of all its pages."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.utils import timezone

from analytics import access, events, store
from analytics.models import (
    Archive,
    Assignment,
    Checkpoint,
    Customer,
    Erasure,
    Profile,
    Rejection,
    StoredEvent,
    WrongKey,
)
from catalog.models import Feed, Product
from ml.models import CustomerProfile, Elasticity, TrainedModel, TrainingRun
from promotions import help_texts
from promotions.models import (
    Allocation,
    Code,
    CodeBatch,
    Conversation,
    Delivery,
    Endpoint,
    Guesser,
    HandOver,
    Offer,
    Question,
    Redemption,
    Reservation,
    StandingRule,
    Strategy,
)

MANY = 12
"""Rows of a table: whoever asks once for each is found out."""


def furnish(strategies: list[Strategy]) -> None:
    """Put MANY rows into every table of the back office, beside these strategies."""
    at = timezone.now()
    for n in range(MANY):
        _what_happened(n)
        _what_is_likely(n)
        _what_is_offered(strategies[n % len(strategies)], n)
        Feed.objects.create(
            what="products",
            name=f"{n}.csv",
            by_file=True,
            state="done",
            rows=n,
            taken=n,
        )
        Product.objects.create(
            sku=f"p{n}", name=f"Product {n}", category="TEA", currency="USD", price=n
        )
        AccessAttempt.objects.create(
            username=f"user{n}",
            ip_address=f"10.0.0.{n}",
            user_agent="x",
            http_accept="",
            path_info="",
            failures_since_start=n,
            attempt_time=at,
        )
        User.objects.create_user(f"user{n}", is_staff=True)


def _what_happened(n: int) -> None:
    at = timezone.now()
    person = Customer.objects.create(external_id=f"customer-{n}")
    store.append(
        [events.ProductViewed(sku="tea", category="TEA")], at=at, customer=person.key
    )
    Profile.objects.create(customer=person.key, orders=n, last_seen_at=at)
    Checkpoint.objects.get_or_create(projection=f"projection-{n}")
    Rejection.objects.create(source="shop", reason="No sku", body=b'{"type": "party"}')
    WrongKey.objects.create(digest=f"{n:064x}", hint=f"sk_{n:04d}")
    Erasure.objects.create(by="olga", events=n, keys=[uuid4()])
    Archive.objects.create(
        month=date(2020, n % 12 + 1, 1),
        path=f"{n}.parquet",
        checksum="0" * 64,
        events=n + 1,
        first_position=10 * n + 1,
        last_position=10 * n + 9,
    )
    access.create_key(f"shop {n}", ["events"])
    _what_is_asked(person, n)


def _what_is_asked(person: Customer, n: int) -> None:
    at = timezone.now()
    text = help_texts.write(
        f"text-{n}", "en", by="olga", at=at, title=f"Text {n}", body="So it is."
    )
    help_texts.publish(text.pk, by="olga", at=at)
    talk = Conversation.objects.create(
        id=uuid4(), customer=person.key, language="en", began_at=at, last_at=at
    )
    asked = Question.objects.create(
        conversation=talk,
        customer=person.key,
        asked_at=at,
        language="en",
        text="what offers do I have",
        outcome="handed_over",
        kinds=["offers"],
        chance=0.4,
        answer="I am not sure.",
    )
    HandOver.objects.create(
        question=asked, customer=person.key, reason="unsure", handed_at=at
    )


def _what_is_likely(n: int) -> None:
    at = timezone.now()
    run = TrainingRun.objects.create(
        requested_by="olga", state="succeeded", started_at=at, finished_at=at
    )
    for task in ("propensity", "ranking"):
        TrainedModel.objects.create(
            task=task,
            estimator="logistic",
            checksum=f"{n:064x}",
            cutoff=at,
            features_version=1,
            metrics=METRICS,
            size_bytes=1000,
            fit_seconds=1.5,
            promoted_at=at - timedelta(days=n) if n < 4 else None,
            run=run,
        )
    Elasticity.objects.create(
        category=f"C{n}", value=-1, low=-2, high=0, weeks=30, computed_at=at
    )
    CustomerProfile.objects.create(
        customer=Customer.objects.get(external_id=f"customer-{n}").key,
        segment="loyal",
        orders=n,
        spend=10 * n,
        computed_at=at,
    )


METRICS: dict[str, Any] = {
    "validation": {"log_loss": 0.36, "log_loss_error": 0.01, "auc": 0.8},
    "test": {"log_loss": 0.37, "log_loss_error": 0.01, "auc": 0.79},
    "calibration": [
        {"promised": 0.1 * k + 0.05, "happened": 0.1 * k + 0.04, "rows": 500.0}
        for k in range(10)
    ],
    "effects": [{"feature": "orders", "strength": 0.4, "direction": "raises"}],
}


def _what_is_offered(strategy: Strategy, n: int) -> None:
    at = timezone.now()
    person = Customer.objects.get(external_id=f"customer-{n}").key
    variant = next(iter(strategy.menu))
    offer = Offer.objects.create(
        id=UUID(int=person.int ^ strategy.id.int),
        customer=person,
        strategy=strategy,
        variant=variant,
        probability=0.95,
        expected=1.0,
        computed_at=at,
        expires_at=at + timedelta(days=14),
    )
    drawn = events.OfferAssigned(
        strategy=strategy.id,
        arm="holdout",
        variant=None,
        probability=0.5,
        offer=offer.id,
    )
    store.append([drawn], at=at, customer=person)
    Assignment.objects.create(
        position=StoredEvent.objects.latest("position").position,
        customer=person,
        strategy=strategy.id,
        at=at,
        arm="holdout",
        probability=0.5,
        offer=offer.id,
    )
    batch = CodeBatch.objects.create(
        strategy=strategy, number=10, made=n % 10, length=8, requested_by="olga"
    )
    code = Code.objects.create(
        digest=n.to_bytes(32), text=f"TEA{n}", strategy=strategy, batch=batch
    )
    Redemption.objects.create(
        strategy=strategy,
        offer=offer.id,
        code=code.id if n % 2 else None,
        customer=person,
        order_id=f"order-{n}",
        variant=variant,
        discount=Decimal("1.50"),
        adjustments=[
            {"of": "line", "line": 1, "sku": "tea", "quantity": 1, "amount": "1.50"}
        ],
        redeemed_at=at,
    )
    Reservation.objects.create(
        customer=person,
        currency="USD",
        priced={},
        reserved_at=at,
        expires_at=at + timedelta(minutes=9),
    )
    Guesser.objects.create(
        digest=f"{n:032x}", kind="key", key=f"shop {n}", first_at=at, last_at=at
    )
    StandingRule.objects.create(flag="harm", proposed_by="vera", comment="Safe.")
    endpoint = Endpoint.objects.create(url=f"https://shop.example/{n}", secret="x")
    Delivery.objects.create(
        endpoint=endpoint, position=n, strategy=strategy.id, type="offer_redeemed"
    )
    Allocation.objects.create(
        computed_at=at + timedelta(seconds=n),
        feasible=True,
        value=90,
        bound=100,
        gap=0.1,
        proof="dual",
        refused=False,
        prices=[],
    )
