"""Operators make strategies and next versions by hand, without JSON."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from promotions import (
    approval,
    backtest,
    desk,
    desk_faults,
    rule_reading,
    rules,
    term_words,
)
from promotions.models import Campaign, Strategy
from tests.conftest import Make
from tests.promotions.by_hand import ADD, filled, hand, june, post, send

__all__ = ["hand", "june"]

pytestmark = pytest.mark.usefixtures("shelf")


@pytest.mark.parametrize("kind", desk.KINDS)
def test_every_kind_is_made_without_json_and_can_be_approved(
    hand: Client, june: Campaign, kind: str
) -> None:
    assert hand.get(f"{ADD}?kind={kind}").status_code == 200

    shown = post(hand, kind, filled(kind, june))

    strategy = Strategy.objects.get()
    assert (strategy.kind, strategy.state) == (kind, "proposed")
    assert "It applies by itself" in shown.content.decode()
    backtest.review(strategy, at=timezone.now())
    approval.approve(strategy.id, by="oleg", comment="Good.", at=timezone.now())
    for terms in strategy.terms.values():
        assert term_words.words(terms, "USD") in strategy.menu


def test_what_is_typed_in_percent_and_in_rows_is_a_typed_rule(
    hand: Client, june: Campaign
) -> None:
    fields = filled(
        "threshold",
        june,
        **{
            "limits-0-most": "1",
            "limits-0-of": "uses",
            "limits-0-per": "customer",
            "limits-0-period": "week",
            "conditions-weekdays": "5",
            "conditions-since": "17",
            "conditions-until": "2",
            "combination-shares_lines": "on",
        },
    )

    post(hand, "threshold", fields)

    strategy = Strategy.objects.get()
    (terms,) = strategy.terms.values()
    assert isinstance(terms, rules.Threshold)
    assert terms.higher == (rules.Tier(spend=Decimal(50), rate=Decimal("0.15")),)
    rule = rule_reading.decoded_rule(strategy.rule)
    assert rule.limits == (rules.Limit(most=Decimal(1), per="customer", period="week"),)
    assert (rule.conditions.hours, rule.conditions.weekdays) == ((17, 2), (5,))
    assert (rule.shares_lines, strategy.scope) == (True, ["TEA"])


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        ("percentage", {"terms-0-rate": "150"}, "id_terms-0-rate_error"),
        ("percentage", {"terms-0-rate": ""}, "id_terms-0-rate_error"),
        ("percentage", {"strategy-budget": "1.005"}, "id_strategy-budget_error"),
        ("percentage", {"strategy-budget": "1_000"}, "id_strategy-budget_error"),
        ("percentage", {"terms-0-rate": "１２"}, "id_terms-0-rate_error"),
        ("multibuy", {"terms-0-take": "1_0"}, "id_terms-0-take_error"),
        ("gift", {"terms-0-name": "x" * 201}, "id_terms-0-name_error"),
        ("fixed_price", {"terms-0-price": "1.005"}, "id_terms-0-price_error"),
        ("threshold", {"higher-0-spend": "10"}, "id_higher-0-spend_error"),
        (
            "bundle",
            {"slots-1-quantity": "2", "slots-1-categories": ""},
            "id_slots-1-skus_error",
        ),
        ("multibuy", {"terms-0-reduced": "5"}, "id_terms-0-reduced_error"),
        ("shipping", {"conditions-since": "9"}, "id_conditions-until_error"),
        ("shipping", {"scope-scope": "TEA\r\nTEE"}, "id_scope-scope_error"),
        ("shipping", {"scope-brands": "Nobody"}, "id_scope-brands_error"),
        ("shipping", {"conditions-skus": "coffee"}, "id_conditions-skus_error"),
        ("shipping", {"conditions-segments": "kings"}, "id_conditions-segments_error"),
        ("bundle", {"slots-0-skus": "coffee"}, "id_slots-0-skus_error"),
        ("shipping", {"combination-mode": "best"}, "id_combination-group_error"),
        (
            "shipping",
            {
                "limits-0-most": "0.5",
                "limits-0-of": "uses",
                "limits-0-per": "code",
                "limits-0-period": "ever",
            },
            "id_limits-0-most_error",
        ),
    ],
)
def test_an_error_stands_at_its_field_and_nothing_is_proposed(
    hand: Client, june: Campaign, kind: str, change: dict[str, str], field: str
) -> None:
    shown = post(hand, kind, filled(kind, june, **change)).content.decode()

    assert f'id="{field}"' in shown
    assert "Expected" not in shown
    assert not Strategy.objects.exists()


def test_all_that_is_wrong_is_said_at_once_and_rates_in_percent(
    hand: Client, june: Campaign
) -> None:
    wrong = {
        "strategy-title": "",
        "strategy-budget": "-5",
        "strategy-least_margin": "300",
        "terms-0-rate": "250",
        "conditions-since": "99",
    }

    shown = post(hand, "percentage", filled("percentage", june, **wrong))

    html = shown.content.decode()
    for field in wrong:
        assert f'id="id_{field}_error"' in html, field
    assert "less than or equal to 100." in html
    one = filled("percentage", june, **{"strategy-least_margin": "100"})
    html = post(hand, "percentage", one).content.decode()
    assert "It must be at least 0 and below 100 percent." in html
    assert not Strategy.objects.exists()


def test_an_empty_form_asks_for_all_that_it_needs(hand: Client, june: Campaign) -> None:
    empty = {"strategy-title": "", "strategy-budget": "", "terms-0-rate": ""}

    html = post(
        hand, "percentage", filled("percentage", june, **empty)
    ).content.decode()

    for field in empty:
        assert f'id="id_{field}_error"' in html, field
    assert "Object missing" not in html


def test_the_next_version_begins_with_what_is_and_shows_what_changes(
    hand: Client, june: Campaign
) -> None:
    post(hand, "percentage", filled("percentage", june))
    old = Strategy.objects.get()
    backtest.review(old, at=timezone.now())
    approval.approve(old.id, by="oleg", comment="Good.", at=timezone.now())
    url = reverse("admin:promotions_strategy_version", args=[old.id])

    begun = hand.get(url).content.decode()
    assert 'name="terms-0-rate" value="10"' in begun
    fields = filled("percentage", june, **{"terms-0-rate": "5"})
    shown = send(hand, url, fields).content.decode()

    assert "<del>It gives: 10 % off.</del>" in shown
    assert "<ins>It gives: 5 % off.</ins>" in shown
    new = Strategy.objects.get(replaces=old)
    assert (new.version, new.state) == (2, "proposed")
    assert "is proposed or approved" in send(hand, url, fields).content.decode()


@pytest.mark.parametrize("kind", desk.KINDS)
def test_a_next_version_that_is_sent_as_it_begins_is_the_same_again(
    hand: Client, june: Campaign, kind: str
) -> None:
    more = {"strategy-budget": "50", "strategy-reason": "Olga likes tea."}
    post(hand, kind, filled(kind, june, **more))
    old = Strategy.objects.get()
    approval.request_changes(old.id, by="oleg", comment="Why?", at=timezone.now())

    shown = send(hand, reverse("admin:promotions_strategy_version", args=[old.id]), {})

    new = Strategy.objects.get(replaces=old)
    for field in ("budget", "least_margin", "rule", "menu", "scope", "reason", "title"):
        assert getattr(new, field) == getattr(old, field), field
    assert "Nothing." in shown.content.decode()


def test_a_bandit_is_made_by_hand_and_its_next_version_begins_as_one(
    hand: Client, june: Campaign
) -> None:
    lots = {
        "strategy-trigger": "offer",
        "strategy-allocation": "thompson",
        "terms-TOTAL_FORMS": "2",  # as the page's script adds a row
        "terms-1-rate": "15",
        "terms-1-each": "line",
    }
    post(hand, "percentage", filled("percentage", june, **lots))

    strategy = Strategy.objects.get()

    assert (strategy.allocation, len(strategy.menu)) == ("thompson", 2)
    backtest.review(strategy, at=timezone.now())
    approval.approve(strategy.id, by="oleg", comment="Good.", at=timezone.now())
    url = reverse("admin:promotions_strategy_version", args=[strategy.id])
    begun = hand.get(url).content.decode()
    assert '<option value="thompson" selected>' in begun
    best = filled("percentage", june, **(lots | {"strategy-allocation": "best"}))
    shown = send(hand, url, best).content.decode()
    assert "<del>Which one is drawn by lot" in shown
    alone = {"strategy-trigger": "offer", "strategy-allocation": "thompson"}
    wrong = post(hand, "percentage", filled("percentage", june, **alone))
    assert "leaves nothing to draw" in wrong.content.decode()


def test_a_search_finds_some_and_the_form_holds_no_product(
    hand: Client, june: Campaign
) -> None:
    url = reverse("admin:promotions_strategy_names", args=["sku"])

    assert hand.get(url, {"q": "Te"}).json() == {
        "names": [{"value": "tea", "label": "Tea"}]
    }
    assert hand.get(url, {"q": ""}).json() == {"names": []}
    assert "Milk" not in hand.get(f"{ADD}?kind=percentage").content.decode()


def test_who_may_only_view_makes_nothing(
    client: Client, june: Campaign, live: Make
) -> None:
    viewer = User.objects.create_user("vera", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_strategy"))
    client.force_login(viewer)
    old = live()

    version = reverse("admin:promotions_strategy_version", args=[old.id])
    assert post(client, "percentage", filled("percentage", june)).status_code == 403
    assert client.get(version).status_code == 403
    assert client.get(reverse("admin:promotions_campaign_add")).status_code == 403
    assert Strategy.objects.count() == 1


def test_a_strategy_is_put_in_no_campaign_that_is_over(
    hand: Client, june: Campaign
) -> None:
    at = timezone.now()
    over = Campaign.objects.create(
        name="May",
        starts_at=at - timedelta(days=9),
        ends_at=at - timedelta(days=2),
        budget=Decimal(500),
        currency="USD",
    )

    shown = hand.get(f"{ADD}?kind=shipping").content.decode()

    assert "June (USD)" in shown
    assert str(over.id) not in shown


@pytest.mark.parametrize(
    ("reason", "people"),
    [
        ("Expected `int` >= 1", "It must be at least 1."),
        ("Expected `int` <= 32767", "It must be at most 32767."),
        ("Expected `float` < 1.0", "It must be below 1.0."),
        ("Expected `int`, got `null`", "This field is required."),
        ("Expected `array` of length >= 1", "It must not be empty."),
        ("It must lie after starts_at.", "It must be later than “From”."),
        (
            "Expected `str` matching regex '^[A-Z]{3}$'",
            "It must be three capital letters, such as USD.",
        ),
        ("There is no such campaign.", "There is no such campaign."),
    ],
)
def test_people_read_a_sentence_where_the_api_names_types(
    reason: str, people: str
) -> None:
    assert desk_faults.said(reason) == people
