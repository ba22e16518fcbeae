"""In: a path of the console. Out: the view that answers it. Writes no interactions.

Each group of pages keeps its own list of paths; here they are one.
"""

from __future__ import annotations

from touchline.console import (
    audit,
    conversations,
    customer,
    customers,
    desk,
    drafts,
    gifts,
    imports,
    keys,
    look,
    outbox,
    playbook,
    policies,
    proof,
    stopping,
    team,
    today,
)

urlpatterns = [
    *today.urlpatterns,
    *desk.urlpatterns,
    *customers.urlpatterns,
    *customer.urlpatterns,
    *proof.urlpatterns,
    *team.urlpatterns,
    *keys.urlpatterns,
    *audit.urlpatterns,
    *outbox.urlpatterns,
    *gifts.urlpatterns,
    *imports.urlpatterns,
    *conversations.urlpatterns,
    *stopping.urlpatterns,
    *playbook.urlpatterns,
    *drafts.urlpatterns,
    *policies.urlpatterns,
    *look.urlpatterns,
]
