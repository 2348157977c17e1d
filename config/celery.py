"""The Celery app, its queues, and every schedule.

A worker imports the tasks of its queues alone: only who trains holds the learning
libraries. Its `kill -9` leaves its message unacknowledged until the visibility timeout,
so tasks are short or hold a state row, and all of them are safe when run twice.
"""

import os
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import celeryd_init
from django.conf import settings

from config import services

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

TASKS = {
    "celery": (
        "analytics.tasks",
        "catalog.market_tasks",
        "ml.tasks",
        "promotions.tasks",
    ),
    "projections": ("analytics.tasks",),
    "errands": ("promotions.errands", "catalog.tasks"),
    "prices": ("promotions.errands",),
}
"""Queue -> the modules of its tasks; "celery" is the default one."""

# `expires`: what waited for a busy worker until its next turn is dropped, so that
# nothing queues up behind itself.
SCHEDULE: dict[str, dict[str, Any]] = {
    "projections catch up": {
        "task": "analytics.tasks.catch_up",
        "schedule": 1.0,
        "options": {"expires": 1.0},
    },
    "alerts are logged": {
        "task": "analytics.tasks.alert",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "erasures are finished": {
        "task": "analytics.tasks.forget_erased",
        "schedule": crontab(minute="20"),
    },
    "workers show they live": {
        "task": "analytics.tasks.heartbeat",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "texts are judged": {
        "task": "ml.tasks.judge",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "opinions are watched": {
        "task": "ml.tasks.watch_opinions",
        "schedule": crontab(minute="40"),
        "options": {"expires": 3600.0},
    },
    "offers refresh": {
        "task": "promotions.tasks.refresh_offers",
        "schedule": crontab(minute="*/15"),
        "options": {"expires": 900.0},
    },
    "strategies are measured": {
        "task": "promotions.tasks.measure",
        "schedule": crontab(minute="5-59/15"),
        "options": {"expires": 900.0},
    },
    "listings are read": {
        "task": "ml.tasks.read_listings",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    # Through the night in this order: models, what strategies taught, proposals,
    # prices.
    "models retrain": {
        "task": "ml.tasks.nightly",
        "schedule": crontab(hour="3", minute="10"),
    },
    "strategies teach": {
        "task": "promotions.tasks.learn",
        "schedule": crontab(hour="4", minute="30"),
    },
    "strategies are proposed": {
        "task": "promotions.tasks.propose",
        "schedule": crontab(hour="5", minute="0", day_of_week="mon"),
    },
    "stock is counted": {
        "task": "promotions.tasks.count_stock",
        "schedule": crontab(minute="25"),
        "options": {"expires": 3600.0},
    },
    "clearances are planned": {
        "task": "promotions.tasks.clear",
        "schedule": crontab(hour="5", minute="30", day_of_week="mon"),
    },
    "prices are proposed": {
        "task": "promotions.tasks.propose_prices",
        "schedule": crontab(minute="20", hour="5", day_of_week="mon"),
    },
    "proposals are tried on past baskets": {
        "task": "promotions.tasks.review",
        "schedule": crontab(minute="2-59/5"),
        "options": {"expires": 300.0},
    },
    "backtests go on": {
        "task": "promotions.tasks.try_on_past_weeks",
        "schedule": 45.0,
        "options": {"expires": 45.0},
    },
    "codes are made": {
        "task": "promotions.errands.make_codes",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "files are imported": {
        "task": "catalog.tasks.take_files",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "files are forgotten": {
        "task": "catalog.tasks.forget_feeds",
        "schedule": crontab(minute="45"),
    },
    "market data are fetched": {
        "task": "catalog.tasks.fetch_sources",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 300.0},
    },
    "competitors' products are matched": {
        "task": "catalog.market_tasks.match",
        "schedule": crontab(minute="25"),
        "options": {"expires": 3600.0},
    },
    "competitors' products are matched anew": {
        "task": "catalog.market_tasks.match_anew",
        "schedule": crontab(hour="2", minute="35"),
    },
    "prices are compared": {
        "task": "catalog.market_tasks.count_positions",
        "schedule": crontab(minute="50"),
        "options": {"expires": 3600.0},
    },
    "webhooks go out": {
        "task": "promotions.errands.send_webhooks",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "deliveries are forgotten": {
        "task": "promotions.tasks.forget_deliveries",
        "schedule": crontab(hour="4", minute="55"),
    },
    "overdue reservations expire": {
        "task": "promotions.errands.expire_reservations",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "prices roll out and back": {
        "task": "promotions.errands.roll_prices",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "quarters are priced": {
        "task": "promotions.tasks.price_quarters",
        "schedule": crontab(minute="12,42"),
        "options": {"expires": 1800.0},
    },
    "fraud is looked for": {
        "task": "promotions.tasks.look_for_fraud",
        "schedule": crontab(minute="*/15"),
        "options": {"expires": 900.0},
    },
    "receipts are forgotten": {
        "task": "promotions.tasks.forget_receipts",
        "schedule": crontab(hour="4", minute="50"),
    },
    "rejections are forgotten": {
        "task": "analytics.tasks.forget_rejections",
        "schedule": crontab(hour="4", minute="40"),
    },
}
TIMED = {
    name: entry
    for name, entry in SCHEDULE.items()
    if isinstance(entry["schedule"], crontab)
}
CONSTANT = {name: entry for name, entry in SCHEDULE.items() if name not in TIMED}
PLAY: dict[str, dict[str, Any]] = {
    "the moved clock's agenda is played": {
        "task": "analytics.tasks.play",
        "schedule": 1.0,
        "options": {"expires": 1.0},
    }
}
SENT = {
    "ml.tasks.retrain",
    "ml.tasks.score",
    "ml.tasks.recommend",
    "ml.tasks.shortlist",
    "ml.tasks.profile",
    "ml.tasks.measure_demand",
    "ml.tasks.forecast",
}
"""What tasks and doors send that has no time of its own; the web process, which imports
no tasks, knows them from here."""
AT_ONCE = {entry["task"] for entry in (CONSTANT | PLAY).values()}


class App(Celery):
    """In demo mode tasks go on the agenda, so that it is known when all is done."""

    def send_task(  # type: ignore[override]
        self, name: str, args: Any = None, kwargs: Any = None, **options: Any
    ) -> Any:
        if not settings.SIMULATED_CLOCK or name in AT_ONCE:
            return super().send_task(name, args, kwargs, **options)
        from analytics import agenda  # needs Django's apps, which need this module

        agenda.note(name, kwargs or {})
        return None


app = App("proffer")
app.set_default()  # for the web server's threads too, which send tasks by name
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    # Else a process in a long task keeps messages that another could begin.
    worker_prefetch_multiplier=1,
    # KiB: after a heavy task a fresh process gives back what this one would hoard.
    worker_max_memory_per_child=500_000,
    broker_connection_retry_on_startup=True,
    # Redis gives a message out again that was not acknowledged for so long: tasks that
    # take longer hold a state row.
    broker_transport_options={"visibility_timeout": 3600},
    timezone="UTC",
    task_routes={
        "analytics.tasks.catch_up": {"queue": "projections"},
        # No import may keep a price from beginning or ending.
        "promotions.errands.roll_prices": {"queue": "prices"},
        "promotions.errands.*": {"queue": "errands"},
        "catalog.tasks.*": {"queue": "errands"},
    },
    # In demo mode the moved clock plays what has a time of day (analytics.agenda); beat
    # keeps what is for ever.
    beat_schedule=CONSTANT | PLAY if settings.SIMULATED_CLOCK else SCHEDULE,
    played=TIMED,
    sent=SENT,
)


@celeryd_init.connect
def begin(options: dict[str, Any], **_: Any) -> None:
    """A worker holds the services for as long as it lives."""
    services.attach()
    for queue in options.get("queues") or [app.conf.task_default_queue]:
        for module in TASKS[queue]:
            app.loader.import_task_module(module)
