"""Settings, addresses, schedules; the embedded services."""
