import hashlib

import pytest
from django.core.management import CommandError, call_command

from analytics import access
from analytics.models import ApiKey


@pytest.mark.django_db
def test_a_key_is_printed_once_and_only_its_digest_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("create_key", "shop", "--scopes", "offers", "events")

    printed = capsys.readouterr().out.split()
    assert len(printed) == 1
    assert printed[0].startswith("sk_")
    kept = ApiKey.objects.get()
    assert (kept.name, kept.scopes) == ("shop", ["events", "offers"])
    assert kept.digest == hashlib.sha256(printed[0].encode()).hexdigest()
    assert not any(printed[0] in str(value) for value in vars(kept).values())


@pytest.mark.django_db
def test_a_key_has_every_scope_unless_told() -> None:
    call_command("create_key", "shop")

    assert set(ApiKey.objects.get().scopes) == access.SCOPES.keys()


@pytest.mark.django_db
@pytest.mark.parametrize("scopes", [["events", "everything"], ["EVENTS"]])
def test_an_unknown_scope_makes_no_key(scopes: list[str]) -> None:
    with pytest.raises(CommandError, match="scopes must be some of events, offers"):
        call_command("create_key", "shop", "--scopes", *scopes)

    assert not ApiKey.objects.exists()


@pytest.mark.django_db
def test_a_key_without_scopes_is_none() -> None:
    with pytest.raises(access.UnknownScope):
        access.create_key("shop", [])

    assert not ApiKey.objects.exists()


@pytest.mark.django_db
def test_keys_differ() -> None:
    assert len({access.create_key("shop", ["events"]) for _ in range(5)}) == 5


@pytest.mark.django_db
def test_revoking_again_keeps_the_first_time() -> None:
    access.create_key("shop", ["events"])
    key = ApiKey.objects.get()

    access.revoke_key(key.id)
    first = ApiKey.objects.get().revoked_at
    access.revoke_key(key.id)

    assert first is not None
    assert ApiKey.objects.get().revoked_at == first
