import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from rich.progress import Progress

from demo import loop
from ml.models import TrainingRun


def worker(**ends: str) -> None:
    """End the run that the loop asks for."""
    try:
        while not TrainingRun.objects.update(**ends):
            time.sleep(0.05)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", ["failed", "succeeded"])
def test_a_learning_that_failed_ends_the_loop_with_the_reason(state: str) -> None:
    bar = loop.Bar(Progress(), "training")

    with ThreadPoolExecutor(1) as pool:
        pool.submit(worker, state=state, error="ml.tasks.measure_demand: no luck")
        with pytest.raises(loop.StepFailed, match="measure_demand: no luck"):
            loop._training(loop.Loop(), bar, check=lambda: None)
