"""In: nothing. Out: the tables of the team. Writes no interactions; `members`, `invitations`, `keys` and `audit` say when rows change.

Times are int64 microseconds UTC of the machine's clock, in a rehearsed world too: they say when somebody did something.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from touchline.team.actors import Actor
from touchline.team.roles import Role, rights_of

ROLES = [(role.value, role.value) for role in Role]


class Users(BaseUserManager[Any]):
    """How users are found and made; a password is never required here, because an invitation sets it."""

    def get_by_natural_key(self, username: str | None) -> Any:
        """The user of an e-mail address, whatever its case."""
        return self.get(email__iexact=username)

    def create_user(self, email: str, name: str, role: Role, password: str | None = None) -> Any:
        """A new user; without a password nobody can sign in as them until one is set."""
        user = self.model(email=email.strip().lower(), name=name.strip(), role=role.value)
        if password is None:
            user.set_unusable_password()
        else:
            user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A member of the team, who signs in with an e-mail address.

    email      in lower case, unique
    name       shown to colleagues and in the audit
    role       viewer, agent, marketer or admin
    is_active  False: cannot sign in, and whoever is signed in is not any more
    """

    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=16, choices=ROLES, default=Role.VIEWER.value)
    is_active = models.BooleanField(default=True)
    since = models.BigIntegerField(default=0)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        db_table = "team_user"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(Lower("email"), name="team_user_email_once"),
        ]

    objects: ClassVar[Users] = Users()

    def __str__(self) -> str:
        return str(self.name or self.email)

    def get_full_name(self) -> str:
        """How colleagues call them."""
        return str(self.name)

    @property
    def actor(self) -> Actor:
        """In whose name this user's operations are done; one who is not active has no right."""
        rights = rights_of(Role(self.role)) if self.is_active else frozenset()
        return Actor("user", self.name or self.email, rights, self.pk)


class Invitation(models.Model):
    """Somebody was asked to join.

    email       whom
    name        of the user that they become, where it was told
    role        that they will have
    invited_by  name of the actor who asked
    purpose     `join`, or `reset` where an admin lets somebody set a new password
    used_at     when it was taken up; NULL while it can be
    revoked_at  when it was taken back
    """

    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=120, blank=True)
    role = models.CharField(max_length=16, choices=ROLES)
    invited_by = models.CharField(max_length=120)
    purpose = models.CharField(max_length=8, default="join")
    made_at = models.BigIntegerField()
    expires_at = models.BigIntegerField()
    used_at = models.BigIntegerField(null=True)
    revoked_at = models.BigIntegerField(null=True)

    class Meta:
        db_table = "team_invitation"

    objects: ClassVar[models.Manager[Any]]


class Key(models.Model):
    """A machine's key, of which only the digest is kept.

    digest      SHA-256 of the key, in hexadecimal
    hint        the key's first characters, by which people tell keys apart
    scope       one of `keys.SCOPES`
    last_used_at  to about an hour
    """

    name = models.CharField(max_length=120)
    scope = models.CharField(max_length=8)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)
    made_at = models.BigIntegerField()
    made_by = models.CharField(max_length=120)
    revoked_at = models.BigIntegerField(null=True)
    last_used_at = models.BigIntegerField(null=True)

    class Meta:
        db_table = "team_key"

    objects: ClassVar[models.Manager[Any]]


class Entry(models.Model):
    """One operation that was done: the audit. Rows are only ever added.

    actor_kind, actor_id, actor_name  who, as they were called then
    operation  the verb, for example `people.merge`
    about      what it was done to, for example `customer 12`; never an identifier of a person
    details    JSON object, without personal data
    """

    at = models.BigIntegerField()
    actor_kind = models.CharField(max_length=16)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=120)
    operation = models.CharField(max_length=80)
    about = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        db_table = "team_entry"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["operation", "id"], name="team_entry_operation"),
            models.Index(fields=["actor_kind", "actor_id", "id"], name="team_entry_actor"),
            models.Index(fields=["about", "id"], name="team_entry_about"),
        ]

    objects: ClassVar[models.Manager[Any]]


class Remembered(models.Model):
    """Where several processes count failed sign-ins together: the rows of Django's cache in the database."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "team_cache"

    objects: ClassVar[models.Manager[Any]]


class Draft(models.Model):
    """A change of the playbook that somebody prepares; only its author changes it.

    state     `open`, `proposed`, `approved` (it is live) or `withdrawn`
    revision  grows with each change, so that what is approved is what was looked at
    author_*  who prepares it, as they were called then; `ended_by` approved or withdrew it
    """

    title = models.CharField(max_length=120)
    state = models.CharField(max_length=12, default="open")
    revision = models.IntegerField(default=0)
    author_kind = models.CharField(max_length=16)
    author_id = models.BigIntegerField(null=True)
    author_name = models.CharField(max_length=120)
    made_at = models.BigIntegerField()
    changed_at = models.BigIntegerField()
    ended_at = models.BigIntegerField(null=True)
    ended_by = models.CharField(max_length=120, blank=True)

    class Meta:
        db_table = "team_draft"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["state", "id"], name="team_draft_state")]

    objects: ClassVar[models.Manager[Any]]


class DraftFile(models.Model):
    """One file of a draft.

    base  its text in the folder when it was last saved in the draft; NULL: there was none
    text  its new text; NULL takes it away
    """

    draft = models.ForeignKey(Draft, on_delete=models.CASCADE, related_name="files")
    file = models.CharField(max_length=200)
    base = models.TextField(null=True)
    text = models.TextField(null=True)

    class Meta:
        db_table = "team_draft_file"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["draft", "file"], name="team_draft_file_once"),
        ]

    objects: ClassVar[models.Manager[Any]]


class Version(models.Model):
    """What the playbook's folder held from some time on: by a draft, or as it was found there.

    files    file -> digest of its text, of every text that may be edited
    draft    the draft that it came of; NULL where somebody changed the folder itself
    author   who prepared it; `approved_by` let it go live
    written  False from its approval until all its files stand in the folder
    """

    at = models.BigIntegerField()
    title = models.CharField(max_length=120)
    author = models.CharField(max_length=120)
    approved_by = models.CharField(max_length=120, blank=True)
    draft = models.ForeignKey(Draft, null=True, on_delete=models.PROTECT)
    files = models.JSONField(default=dict)
    written = models.BooleanField(default=True)

    class Meta:
        db_table = "team_version"

    objects: ClassVar[models.Manager[Any]]


class VersionText(models.Model):
    """A text that some version holds, once, by its SHA-256 in hexadecimal."""

    digest = models.CharField(max_length=64, primary_key=True)
    text = models.TextField()

    class Meta:
        db_table = "team_version_text"

    objects: ClassVar[models.Manager[Any]]
