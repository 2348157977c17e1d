"""What happened: the log, customers, projections, experiments."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = "What happened"
