"""What people write: one Pydantic model for each kind of file."""

from touchline.playbook.authored.conversations import Conversation
from touchline.playbook.authored.gifts import Gifts
from touchline.playbook.authored.imports import Import
from touchline.playbook.authored.mapping import Mapping
from touchline.playbook.authored.organisation import Organisation
from touchline.playbook.authored.policies import Policies
from touchline.playbook.authored.programmes import Programme
from touchline.playbook.authored.rules import Audiences, Stages
from touchline.playbook.authored.touchpoints import Touchpoints

__all__ = [
    "Audiences",
    "Conversation",
    "Gifts",
    "Import",
    "Mapping",
    "Organisation",
    "Policies",
    "Programme",
    "Stages",
    "Touchpoints",
]
