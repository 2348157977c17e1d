"""Ask a database or a broker, at an address, whether it answers.

As the application would, so that a fault is found before it starts; and no password
may come out in what is said of it.
"""

import re
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

import psycopg
import redis
from psycopg.conninfo import make_conninfo
from redis.backoff import NoBackoff
from redis.retry import Retry

PORT = 5432


def fault(variable: str, url: str) -> str:
    """Say why the service does not answer; "" if it does."""
    try:
        PROBES[variable](url)
    except (ValueError, TypeError):
        return "it cannot be read as such a URL"
    except (psycopg.Error, redis.RedisError, OSError) as error:
        return _without_secret(error, url)
    return ""


def _without_secret(error: Exception, url: str) -> str:
    text = (str(error).strip().splitlines() or [""])[0]
    secret = url.rpartition("@")[0].partition("://")[2].partition(":")[2]
    # An unquoted / or # in a password makes the libraries take its parts for a host.
    parts = [part for part in re.split(r"[/#?@:]", secret) if part]
    if any(part in text or unquote(part) in text for part in parts):
        return type(error).__name__
    return text or type(error).__name__


def query(url: str) -> None:
    parts = urlsplit(url)
    if "," in parts.netloc:
        return  # Several hosts: which must answer is libpq's decision.
    if parts.scheme not in ("postgres", "postgresql", "psql", "pgsql", "postgis"):
        raise ValueError(parts.scheme)
    # Decoded as django-environ does it: this must test what Django will use.
    path = unquote_plus(parts.path[1:])
    host, _, name = path.rpartition("/")
    # Of the query only what decides on reaching it.
    secure = {k: v for k, v in parse_qsl(parts.query) if k.startswith("ssl")}
    target = make_conninfo(
        host=host or parts.hostname,
        port=parts.port or PORT,
        user=unquote(parts.username or "") or None,
        password=unquote(parts.password or "") or None,
        dbname=name or None,
        connect_timeout=5,
        **secure,
    )
    with psycopg.connect(target) as connection:
        connection.execute("SELECT 1")


def ping(url: str) -> None:
    """Ask a Redis-like server; kombu's other transports are left to Celery."""
    scheme, _, rest = url.partition("://")
    known = {"redis+socket": "unix", "valkey": "redis", "valkeys": "rediss"}
    scheme = known.get(scheme, scheme)
    if not rest:
        raise ValueError(url)
    if scheme not in ("redis", "rediss", "unix") or "," in rest or ";" in rest:
        return
    # Celery's spellings of two options.
    rest = rest.replace("virtual_host=", "db=")
    rest = re.sub(r"=CERT_(\w+)", lambda found: f"={found[1].lower()}", rest)
    with redis.Redis.from_url(
        f"{scheme}://{rest}",
        socket_connect_timeout=5,
        socket_timeout=5,
        retry=Retry(NoBackoff(), 0),
    ) as client:
        client.ping()


PROBES = {"DATABASE_URL": query, "BROKER_URL": ping, "CACHE_URL": ping}
