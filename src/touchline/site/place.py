"""In: a workspace's settings and the environment. Out: Django, knowing where it is reached. Writes no interactions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from django.conf import settings as django
from django.core.cache import caches
from django.db import connection

from touchline.delivery.senders import smtp
from touchline.workspace.settings import Settings

LOCAL = ("localhost", "127.0.0.1", "[::1]")
HOSTS, PROXIES = "TOUCHLINE_HOSTS", "TOUCHLINE_PROXIES"
"""Further names that the service answers to, parted by commas; and how many proxies of one's own stand before it."""
_YEAR = 365 * 24 * 3600


def take(settings: Settings, environment: Mapping[str, str] = os.environ, *, sender: str | None = None) -> None:
    """Set what depends on the place: names, cookies, proxies, mail (from `sender`), and where failed sign-ins are counted."""
    public = urlsplit(settings.public_url)
    secure = public.scheme == "https"
    named = [each.strip() for each in environment.get(HOSTS, "").split(",") if each.strip()]
    host = f"[{public.hostname}]" if ":" in (public.hostname or "") else public.hostname or ""
    django.ALLOWED_HOSTS = sorted({*LOCAL, *named, host} - {""})
    django.CSRF_TRUSTED_ORIGINS = [f"{public.scheme}://{public.netloc}"]
    django.SESSION_COOKIE_SECURE = django.CSRF_COOKIE_SECURE = secure
    django.SECURE_HSTS_SECONDS = _YEAR if secure else 0
    proxies = environment.get(PROXIES, "0")
    trusted = int(proxies) if proxies.isdecimal() else 0
    django.ALLAUTH_TRUSTED_PROXY_COUNT = trusted
    django.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if trusted else None
    django.USE_X_FORWARDED_HOST = bool(trusted)
    if connection.vendor == "postgresql":
        # Several processes, maybe on several machines, take sign-ins: they count the failed ones together.
        django.CACHES = {
            "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "team_cache"}
        }
        forget_caches()
    _mail(settings.smtp_url if sender else None)
    django.DEFAULT_FROM_EMAIL = sender or ""


def forget_caches() -> None:
    """Have the caches made anew from the settings; Django keeps what it read of them."""
    with suppress(AttributeError):
        del caches.settings  # type: ignore[misc] # a cached property, which is made again when it is asked for
    caches._settings = None  # type: ignore[attr-defined] # what that property is made from
    with suppress(AttributeError):
        del caches["default"]


def _mail(url: str | None) -> None:
    """Mail to the team goes by the customers' server; without one nothing is sent, and links are shown on the screen."""
    if url is None:
        django.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
        return
    server = smtp.server(url)
    django.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    django.EMAIL_HOST, django.EMAIL_PORT = server.host, server.port
    django.EMAIL_HOST_USER, django.EMAIL_HOST_PASSWORD = server.user or "", server.password or ""
    django.EMAIL_USE_TLS, django.EMAIL_USE_SSL = server.security == "starttls", server.security == "tls"
    django.EMAIL_TIMEOUT = 20
