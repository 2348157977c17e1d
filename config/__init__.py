"""Settings, addresses, schedules; the embedded services.

.env is read here, before anything asks the environment for an address.
"""

from pathlib import Path

import environ

environ.Env.read_env(Path(__file__).resolve().parent.parent / ".env")
