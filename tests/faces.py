"""What tests of the console, the pages and the API stand on: a small company that has lived some days, and clients signed in.

`company` and `client_of` are known to every test: `tests/conftest.py` names this module as a plugin.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import stores
from touchline.site.start import setup

if TYPE_CHECKING:
    from django.test import Client

    from touchline.workspace.opened import Workspace

setup()  # rooms that keep rows define Django models when they are imported, so Django starts before any test does

CUSTOMERS, HISTORY, LIVED, SEED = 300, 150, 2, 7
PASSWORD = "a long enough password"


@pytest.fixture(scope="session")
def quick_passwords() -> None:
    """Hash passwords quickly: the product's own way takes a good part of a second each time, on purpose."""
    from django.conf import settings
    from django.contrib.auth import hashers

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    hashers.get_hashers.cache_clear()
    hashers.get_hashers_by_algorithm.cache_clear()


@pytest.fixture
def office(_migrated: Path, tmp_path: Path, quick_passwords: None) -> Iterator[Workspace]:
    """A blank workspace with a fresh database, open and served: for who may do what, where no customers are needed."""
    from django.conf import settings
    from django.core.cache import cache
    from django.db import connections

    from touchline import playbook
    from touchline.site.entry import open_workspace
    from touchline.workspace import serving

    root = playbook.new(tmp_path / "office", "blank")
    (root / ".touchline").mkdir()
    if not stores.ELSEWHERE:
        shutil.copyfile(_migrated, root / ".touchline" / "touchline.sqlite")
    opened = open_workspace(root)
    settings.ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
    cache.clear()  # failed sign-ins of another test are not this one's
    serving.use(opened)
    yield opened
    connections.close_all()


@pytest.fixture(scope="session")
def _company(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The company's folder, made once for a run: several processes of one run share it, and nobody writes into it."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    root = shared / "company"
    with (shared / "company.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            stores.renamed(_live(shared / "company.draft"), root)
    return root


def _live(root: Path) -> Path:
    from django.db import connections

    from touchline import playbook
    from touchline.site.entry import open_workspace

    shutil.rmtree(root, ignore_errors=True)
    opened = open_workspace(playbook.new(root, "warranty"))
    opened.fill_world(customers=CUSTOMERS, days=HISTORY, seed=SEED)
    opened.forward_world(LIVED)
    connections.close_all()  # the last one to close folds the write-ahead log into the file
    return root


@pytest.fixture(scope="module")
def _copy(_company: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    from django.db import connections

    from touchline.site.entry import open_workspace

    root = tmp_path_factory.mktemp("company") / "w"
    stores.copied(_company, root)
    yield open_workspace(root)
    connections.close_all()


@pytest.fixture
def company(_copy: Workspace, quick_passwords: None) -> Workspace:
    """A warranty company of 300 customers, some days lived in step with the loop; now is its world's last instant.

    The copy is the test module's own, and is what `serving.current()` answers. Tests of one module share it.
    """
    from django.conf import settings
    from django.db import connection

    from touchline.site import database
    from touchline.workspace import serving

    where = database.described(_copy.settings.database_url)["NAME"]
    if connection.settings_dict["NAME"] != where:  # another test of this module had a database of its own
        database.use(_copy.settings.database_url)
    setup(_copy.settings.state)
    settings.ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
    serving.use(_copy)
    return _copy


@pytest.fixture
def client_of(company: Workspace) -> Callable[[str], Client]:
    """`client_of("agent")`: a client signed in as a member of the team with that role, the same one each time."""
    from django.test import Client

    def signed_in(role: str, *, csrf: bool = False) -> Client:
        client = Client(enforce_csrf_checks=csrf)
        client.force_login(member(role))
        return client

    return signed_in


def member(role: str) -> object:
    """The team's member with that role, made at first use: `agent@lantern.example`, whose password is PASSWORD."""
    from touchline.team.models import User
    from touchline.team.roles import Role

    found = User.objects.filter(email=f"{role}@lantern.example").first()
    return found or User.objects.create_user(f"{role}@lantern.example", f"Ada {role.title()}", Role(role), PASSWORD)
