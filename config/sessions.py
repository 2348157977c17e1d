"""Operators' sessions: rows of the database, read from the cache.

Signing in must work while the cache is down, which Django's own store does not allow.
Signing out then fails aloud, since the cache's copy would outlive it.
"""

from typing import Any

from django.contrib.sessions.backends import cached_db, db
from redis.exceptions import RedisError


class SessionStore(cached_db.SessionStore):
    """Django's; the database alone says what is true."""

    @classmethod
    def get_model_class(cls) -> Any:
        return db.SessionStore.get_model_class()

    def load(self) -> Any:
        try:
            return super().load()
        except RedisError:
            return db.SessionStore.load(self)

    def exists(self, session_key: Any) -> bool:
        return bool(db.SessionStore.exists(self, session_key))
