"""What the documents say is compared with the code."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from django.conf import settings
from django.urls import URLPattern

from analytics import checks, ecommerce, events
from analytics.access import SCOPES
from config import simulated, urls
from ml import meanings, product_meanings, redemption
from ml.meanings import Feature
from promotions import arms, measurement, missing, report_files, sums
from tests.documents import DOCS, LINK, MARKDOWN, OURS, ROOT, code, rows, section, text


@pytest.mark.parametrize("name", sorted(events.FROM_SHOPS))
def test_every_event_of_shops_is_described_field_by_field(name: str) -> None:
    said = rows(section(text("docs/events.md"), name))

    kinds: list[type[msgspec.Struct]] = [events.VOCABULARY[name]]
    kinds += [events.OrderLine] if name == "order_completed" else []
    fields = [field for kind in kinds for field in msgspec.structs.fields(kind)]
    assert set(said) == {field.name for field in fields}
    for field in fields:
        assert said[field.name].startswith("required") == field.required, field.name


def test_every_name_of_the_e_commerce_specification_is_described() -> None:
    said = set(re.findall(r"`([^`\n]+)`", text("docs/events.md").casefold()))

    assert ecommerce.SPEC.keys() - said == set()


def test_every_address_and_scope_of_the_api_is_described() -> None:
    page = text("docs/api.md")

    for pattern in [*urls.api, *simulated.api]:
        assert isinstance(pattern, URLPattern)
        path = re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        assert f" /api/v1/{path}`" in page, path
    for scope in SCOPES:
        assert f"| `{scope}` |" in page, scope


def test_every_code_of_a_refusal_is_described() -> None:
    raised = re.compile(
        r'code="(\w+)"|default_code = "(\w+)"|\([45]\d\d, "(\w+)"|'
        r'_page\(\s*\d+, "(\w+)"|Problem\(\s*\d+,\s*"(\w+)"|    code = "(\w+)"'
    )
    found = {
        next(filter(None, match.groups()))
        for path in code()
        if path.name not in ("alerts.py", "fraud.py")
        for match in raised.finditer(path.read_text())
    }

    said = set(re.findall(r"^\| \d{3} \| `(\w+)`", text("docs/api.md"), re.M))
    assert {"budget_spent", "key_missing", "unreadable", "server_error"} <= found
    assert found - said == set()


def test_every_alert_is_described() -> None:
    pages = [f"{app}/alerts.py" for app in ("analytics", "catalog", "ml", "promotions")]
    told = "".join(text(page) for page in [*pages, "promotions/fraud.py"])
    codes = re.findall(r'code = "(\w+)"|code="(\w+)"|, code = .*"(\w+)"$', told, re.M)
    codes = [next(filter(None, found)) for found in codes]

    said = section(text("docs/operations.md"), "Alerts")
    assert codes
    for code_ in codes:
        assert f"| `{code_}` |" in said


def listed(features: Mapping[str, Feature]) -> str:
    """Lay features out as docs/features.md has them."""
    rows = [
        f"| {one.level} | `{name}` | {one.meaning} | {one.rule} |"
        for name, one in features.items()
    ]
    head = ["| level | feature | meaning | when missing |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows])


@pytest.mark.parametrize(
    ("heading", "features"),
    [
        ("Propensity", meanings.FEATURES),
        ("Ranking", product_meanings.PRODUCTS),
        ("Redemption", redemption.FEATURES),
    ],
)
def test_the_page_of_features_is_what_the_code_says(
    heading: str, features: Mapping[str, Feature]
) -> None:
    said = section(text("docs/features.md"), heading)

    assert said[said.index("| level") :].strip() == listed(features)


def test_the_page_of_features_knows_their_version() -> None:
    assert f"version {meanings.FEATURES_VERSION} " in text("docs/features.md")


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if not link.startswith(("http://", "https://")):
            target = page.parent / link.partition("#")[0]
            assert target.exists(), f"{page.name}: {link}"


def test_every_file_the_documents_name_exists() -> None:
    named = re.compile(rf"`((?:{'|'.join(OURS)}|docker|docs|tests)/[\w./-]*)`")
    for page in MARKDOWN:
        for path in named.findall(page.read_text()):
            made = path in ("docker/.env", "docs/benchmarks.md")
            assert made or (ROOT / path).exists(), f"{page.name}: {path}"


def test_every_name_the_tour_takes_from_the_code_is_there() -> None:
    here: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text("docs/tour.md"), re.S):
        for node in ast.walk(ast.parse(block)):
            match node:
                case ast.ImportFrom():
                    exec(ast.unparse(node), here)
                case ast.Attribute(value=ast.Name(id=name), attr=attr):
                    assert name not in here or hasattr(here[name], attr), attr
                case _:
                    continue


def test_every_decision_is_in_the_index() -> None:
    pages = sorted(path.name for path in (DOCS / "decisions").glob("0*.md"))

    assert LINK.findall(text("docs/decisions/README.md")) == pages
    for number, page in enumerate(pages, start=1):
        assert page.startswith(f"{number:04d}-")
        first = text(f"docs/decisions/{page}").partition("\n")[0]
        assert first.startswith(f"# {number}. "), page


def test_no_scope_approves_and_the_page_says_so() -> None:
    said = text("docs/api.md").partition("### Approving a strategy\n")[2]

    assert said.strip().startswith("No call approves, and no scope allows it")
    assert not [one for one in urls.api if "approv" in str(one.pattern)]
    assert not [scope for scope in SCOPES if "approv" in scope]


def test_the_changelog_knows_the_version() -> None:
    version = re.search(r'^version = "(.*)"', text("pyproject.toml"), re.M)

    assert version
    assert f"\n## v{version[1]} " in text("CHANGELOG.md")
    assert f"image: proffer:{version[1]}\n" in text("docker/compose.yaml")


def test_every_test_that_the_page_of_pains_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", text("docs/promotion-pains.md")))
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))

    assert named
    assert {name for name in named if f"def {name}(" not in tests} == set()


def test_every_metric_and_every_want_of_a_number_is_told() -> None:
    page = text("docs/measurement.md")

    metrics = re.findall(r"^\| `(\w+)` \|", section(page, "What is counted"), re.M)
    said = section(page, "What is not estimable")
    assert set(metrics) == measurement.METRICS.keys()
    assert set(re.findall(r"`(\w+)`", said)) - {"why"} == missing.WHY.keys()


@pytest.mark.parametrize(
    ("said", "is_"),
    [
        ("5 % of all customers (`HELD_OUT`)", settings.HELD_OUT == 0.05),
        ("5 % of its audience (`HOLDOUT`)", settings.HOLDOUT == 0.05),
        ("for 4 weeks after the campaign (`WASHOUT`)", sums.WASHOUT.days == 28),
        ("in the 8 weeks before the assignment (`BEFORE`)", sums.BEFORE.days == 56),
        ("1 in 1,000 (`ALARM`)", checks.ALARM == 0.001),
        ("The forecast is of 28 days", settings.HORIZON_DAYS == 28),
    ],
)
def test_measurement_is_described_with_its_constants(said: str, is_: bool) -> None:
    assert said in " ".join(text("docs/measurement.md").split())
    assert is_


def test_every_column_of_a_reports_file_is_told() -> None:
    page = section(text("docs/api.md"), "GET reports")

    listed = page[page.index("**Files**") :]
    assert not [name for name in report_files.COLUMNS if f"`{name}`" not in listed]


def test_every_arm_that_a_storefront_may_draw_is_told() -> None:
    page = section(text("docs/api.md"), "GET features, offline")

    for arm in (arms.HOLDOUT, arms.BEST, arms.LOT.strip()):
        assert f"| `{arm}`" in page


def test_every_reason_why_a_strategy_does_nothing_is_told() -> None:
    found = set()
    for name in ("carts", "coins", "conditions", "discounts", "stacking", "turns"):
        text = (ROOT / f"promotions/{name}.py").read_text()
        found |= set(re.findall(r'Missed\(\s*reason="(\w+)"', text))
        found |= set(re.findall(r'return "(\w+)"', text))

    told = (ROOT / "docs/api.md").read_text()
    assert len(found) > 15
    assert not {reason for reason in found if f"`{reason}`" not in told}
