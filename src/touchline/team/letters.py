"""In: a link for a member of the team. Out: an e-mail that carries it, where there is a server for it. Writes no interactions.

The link is shown to whoever made it in any case, so that a mail that does not arrive costs nothing but a message by hand.
"""

from __future__ import annotations

from smtplib import SMTPException

from django.core.mail import EmailMessage, get_connection

from touchline.delivery.senders import smtp
from touchline.team.invitations import RESET, Invited

_PATIENCE = 10  # seconds that somebody who waits at a screen is asked for


def send(invited: Invited, link: str, *, server_url: str, sender: str, organisation: str) -> bool:
    """Send the link; whether the server took it. Raises BadSetting for a server's URL that is none."""
    server = smtp.server(server_url)
    connection = get_connection(
        "django.core.mail.backends.smtp.EmailBackend",
        host=server.host, port=server.port, username=server.user or "", password=server.password or "",
        use_tls=server.security == "starttls", use_ssl=server.security == "tls", timeout=_PATIENCE,
    )  # fmt: skip
    subject, text = _words(invited, link, " ".join(organisation.split()))
    message = EmailMessage(subject, text, sender, [invited.email], connection=connection)
    try:
        return message.send() == 1
    except (SMTPException, OSError):
        return False


def _words(invited: Invited, link: str, organisation: str) -> tuple[str, str]:
    if invited.purpose == RESET:
        return (
            f"A new password at {organisation}",
            (
                f"An admin of {organisation}'s Touchline lets you set a new password:\n\n{link}\n\n"
                "The link works once, for 7 days. If you asked for nothing, leave it: your password stays as it is.\n"
            ),
        )
    return (
        f"Join {organisation}'s Touchline",
        (
            f"You are asked to join {organisation}'s Touchline as {invited.role.value}:\n\n{link}\n\n"
            "The link works once, for 7 days.\n"
        ),
    )
