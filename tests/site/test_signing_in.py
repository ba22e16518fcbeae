"""Signing in: by e-mail and password, with a second factor where there is one, and not by trying."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.http import HttpResponse
from django.test import Client, RequestFactory

from tests.faces import PASSWORD, member
from touchline.site import place
from touchline.team import audit
from touchline.team.models import User
from touchline.workspace.opened import Workspace
from touchline.workspace.settings import Settings

LOGIN = "/accounts/login/"


def _sign_in(client: Client, email: str, password: str, **more: str) -> HttpResponse:
    return client.post(LOGIN, {"login": email, "password": password, **more})


def test_a_member_signs_in_by_e_mail_whatever_its_case_and_out_again(office: Workspace) -> None:
    user = member("agent")
    client = Client()
    assert client.get(LOGIN).status_code == 200
    assert _sign_in(client, "AGENT@Lantern.example", PASSWORD).headers["Location"] == "/"
    assert client.session["_auth_user_id"] == str(user.pk)
    client.post("/accounts/logout/")
    assert "_auth_user_id" not in client.session


def test_a_wrong_password_and_an_unknown_address_are_told_alike(office: Workspace) -> None:
    member("agent")
    told = []
    for email in ("agent@lantern.example", "nobody@lantern.example"):
        page = _sign_in(Client(), email, "a wrong long password")
        assert page.status_code == 200
        told.append(re.findall(r"not correct", page.content.decode()))
    assert told[0] == told[1] != []


def test_trying_passwords_is_throttled_even_for_the_right_one(office: Workspace) -> None:
    member("agent")
    member("viewer")
    for number in range(5):
        assert _sign_in(Client(), "agent@lantern.example", f"wrong guess {number}").status_code == 200
    page = _sign_in(Client(), "agent@lantern.example", PASSWORD)
    assert page.status_code == 200
    assert "Too many failed" in page.content.decode()
    assert _sign_in(Client(), "viewer@lantern.example", PASSWORD).status_code == 302, "others are not locked out"


def test_one_address_cannot_try_many_members(office: Workspace) -> None:
    member("agent")
    for number in range(20):
        _sign_in(Client(), f"guess{number}@lantern.example", "a wrong long password")
    assert "Too many failed" in _sign_in(Client(), "agent@lantern.example", PASSWORD).content.decode()


def test_a_form_without_its_token_is_refused(office: Workspace) -> None:
    member("agent")
    client = Client(enforce_csrf_checks=True)
    assert _sign_in(client, "agent@lantern.example", PASSWORD).status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(LOGIN).content.decode())
    assert token is not None
    assert _sign_in(client, "agent@lantern.example", PASSWORD, csrfmiddlewaretoken=token[1]).status_code == 302
    assert client.post("/accounts/logout/").status_code == 403


def test_nobody_signs_up(office: Workspace) -> None:
    assert Client().get("/accounts/signup/").status_code == 404
    assert Client().post("/accounts/signup/", {"email": "eve@x.example", "password1": PASSWORD}).status_code == 404
    assert not User.objects.exists()


def test_whoever_is_let_out_is_out_at_once(office: Workspace) -> None:
    member("admin")
    user = member("agent")
    client = Client()
    _sign_in(client, "agent@lantern.example", PASSWORD)
    assert client.get("/accounts/2fa/").status_code == 200
    office.set_active(user.pk, active=False)
    assert client.get("/accounts/2fa/").status_code == 302
    assert _sign_in(Client(), "agent@lantern.example", PASSWORD).status_code == 200


def test_another_role_holds_from_the_next_request(office: Workspace) -> None:
    user = member("agent")
    office.set_role(user.pk, "viewer")
    assert User.objects.get(pk=user.pk).actor.rights == {"see"}


def test_a_second_factor_is_asked_for_once_it_is_set_up(office: Workspace) -> None:
    from allauth.mfa.adapter import get_adapter
    from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time

    user = member("admin")
    totp = TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    client = Client()
    assert _sign_in(client, "admin@lantern.example", PASSWORD).headers["Location"] == "/accounts/2fa/authenticate/"
    assert "_auth_user_id" not in client.session
    assert client.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert "_auth_user_id" not in client.session
    secret = get_adapter().decrypt(totp.instance.data["secret"])
    code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    assert client.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)


def test_every_page_of_the_console_is_closed_to_strangers(office: Workspace) -> None:
    from django.urls import URLPattern, URLResolver, get_resolver

    from touchline.site.staff import OPEN

    def paths(resolver: URLResolver, before: str = "") -> list[str]:
        found: list[str] = []
        for each in resolver.url_patterns:
            where = before + str(each.pattern)
            found += [where] if isinstance(each, URLPattern) else paths(each, where)
        return found

    asked = 0  # `/look/` is how pages look, the sign-in's too
    for path in paths(get_resolver()):
        concrete = "/" + re.sub(r"<int:[^>]+>", "1", re.sub(r"<(?!int:)[^>]+>", "x", path))
        if concrete.startswith((*OPEN, "/look/")) or "\\" in concrete or "^" in concrete:
            continue
        asked += 1
        answer = Client().get(concrete)
        assert answer.status_code == 302, concrete
        assert answer.headers["Location"].startswith(LOGIN), concrete
    assert asked > 5, "the console has pages"


def test_answers_carry_a_strict_policy_and_no_inline_anything_is_needed(office: Workspace) -> None:
    page = Client().get(LOGIN)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "same-origin"
    text = page.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", text)


def test_cookies_are_secure_where_the_service_is(office: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE",
                 "SECURE_HSTS_SECONDS", "ALLAUTH_TRUSTED_PROXY_COUNT", "SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST",
                 "EMAIL_BACKEND"):  # fmt: skip
        monkeypatch.setattr(settings, name, getattr(settings, name, None), raising=False)
    far = Settings(**{**vars(office.settings), "public_url": "https://line.example"})
    place.take(far, {"TOUCHLINE_PROXIES": "1", "TOUCHLINE_HOSTS": "inside.example"})
    member("agent")
    client = Client(headers={"host": "line.example", "x-forwarded-proto": "https"})
    answer = _sign_in(client, "agent@lantern.example", PASSWORD)
    assert answer.cookies["touchline"]["secure"]
    assert answer.cookies["touchline"]["httponly"]
    assert answer.cookies["touchline"]["samesite"] == "Lax"
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert Client(headers={"host": "elsewhere.example"}).get(LOGIN).status_code == 400
    assert Client(headers={"host": "inside.example"}).get(LOGIN).status_code == 200
    place.take(office.settings, {})
    assert not settings.SESSION_COOKIE_SECURE
    assert settings.SECURE_PROXY_SSL_HEADER is None


def test_the_product_hashes_passwords_slowly() -> None:
    from django.conf import global_settings

    from touchline.site import settings as own

    assert not hasattr(own, "PASSWORD_HASHERS")
    assert global_settings.PASSWORD_HASHERS[0].endswith("PBKDF2PasswordHasher")
    assert PBKDF2PasswordHasher.iterations >= 600_000


def test_refusals_are_pages_of_ours(office: Workspace) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(member("viewer"))
    assert "There is no such page" in client.get("/nowhere").content.decode()
    assert "This form is too old" in client.post(LOGIN, {}).content.decode()
    pages = [Client().get("/join/1:x/") for _ in range(22)]
    page = pages[-1]
    assert page.status_code == 429
    assert "Too many attempts" in page.content.decode()
    odd = Client(raise_request_exception=False).get(f"{LOGIN}?{'a=b&' * 3000}")
    assert "That cannot be read" in odd.content.decode()


def test_whoever_comes_goes_fails_or_changes_their_password_is_in_the_audit(office: Workspace) -> None:
    user, client = member("agent"), Client()
    _sign_in(Client(), "AGENT@lantern.example", "a wrong long password")
    _sign_in(Client(), "stranger@elsewhere.example", "a wrong long password")
    _sign_in(client, "agent@lantern.example", PASSWORD)
    new = {"oldpassword": PASSWORD, "password1": "quite another password", "password2": "quite another password"}
    assert client.post("/accounts/password/change/", new).status_code == 302
    client.post("/accounts/logout/")
    client.post("/accounts/logout/")
    told = [(one.operation, one.actor_id, one.about) for one in reversed(audit.entries(operation="access."))]
    about = f"user {user.pk}"
    assert told == [
        ("access.refused", None, about), ("access.refused", None, ""), ("access.sign_in", user.pk, about),
        ("access.password", user.pk, about), ("access.sign_out", user.pk, about),
    ]  # fmt: skip
    assert not any("@" in f"{one.actor_name} {one.about} {one.details}" for one in audit.entries())


def test_a_second_factor_that_comes_or_goes_is_in_the_audit(office: Workspace) -> None:
    from allauth.mfa import signals

    user = member("agent")
    factor = SimpleNamespace(type="totp")
    for signal in (signals.authenticator_added, signals.authenticator_removed, signals.authentication_failed):
        signal.send(sender=SimpleNamespace, request=RequestFactory().get("/"), user=user, authenticator=factor)
    told = [(one.operation, one.about, one.details) for one in reversed(audit.entries(operation="access."))]
    assert told == [
        (operation, f"user {user.pk}", {"factor": "totp"})
        for operation in ("access.factor_add", "access.factor_remove", "access.refused")
    ]
