"""Over a line that loses, drops and refuses, retries lose and double nothing."""

import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analytics import access
from analytics.models import Rejection, StoredEvent
from analytics.sent import event_id
from tests import serving
from tests.analytics.conftest import together
from tests.shoppers import SEED, SHOP, Report, Shopper, say
from tests.wires import SEGMENT, TRACKING, headers, post, segment_body

FAULTS = ("", "", "", "lost", "dropped", "dropped", "503", "429")


@pytest.mark.django_db(transaction=True)
def test_five_thousand_events_over_a_bad_line_are_five_thousand_rows() -> None:
    say(f"SEED={SEED}")
    choices = random.Random(SEED)
    key = access.create_key(SHOP, ["events"])
    with serving.granian() as url:
        front = serving.Front(url, iter(lambda: choices.choice(FAULTS), None))
        with serving.listening(front):
            shops = [Patient(f"{SEED} {n}", front.server_port, key) for n in range(4)]
            reports = [r for sent in together(*shops) for r in sent]

    assert front.passed > 250
    assert len(reports) == 5000
    expected = {event_id(report.id): report.at for report in reports}
    stored = StoredEvent.objects.values_list("id", "occurred_at")
    assert len(stored) == 5000
    assert dict(stored) == expected
    assert not Rejection.objects.exists()


class Patient:
    """A shop's server that tries until it hears 200; some freeze their bodies."""

    def __init__(self, seed: str, port: int, key: str) -> None:
        self.shopper, self.random = Shopper(seed), random.Random(f"{seed} waits")
        self.port, self.headers = port, headers(key)

    def __call__(self) -> list[Report]:
        return [report for _ in range(50) for report in self._deliver()]

    def _deliver(self) -> list[Report]:
        batch = [self._report() for _ in range(25)]
        # As if it had been tried for ten minutes already.
        frozen = datetime.now(UTC) - timedelta(minutes=10)
        sent_at = self.random.choice((frozen, None))
        while True:
            body = segment_body(batch, sent_at)
            status, _ = post(self.port, TRACKING.path, body, self.headers)
            if status == 200:
                return batch
            time.sleep(self.random.expovariate(30))

    def _report(self) -> Report:
        """Whatever comes without a word on consent, which is an event of its own."""
        while (made := self.shopper.report()).type not in SEGMENT:
            pass
        return replace(made, consent=None)
