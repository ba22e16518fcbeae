"""In: a path under /u/. Out: the customers' page that answers it. Writes no interactions.

What is not a page's own name is the token of an unsubscribing link, as e-mails carry it.
"""

from __future__ import annotations

from django.urls import path

from touchline.pages import joining, knowing, looks, preferring, unsubscribing

app_name = "pages"
urlpatterns = [
    path("style.css", looks.style, name="style"),
    path("logo", looks.logo, name="logo"),
    path("join", joining.join, name="join"),
    path("c/<str:token>", joining.confirm, name="confirm"),
    path("p/<str:token>", preferring.preferences, name="preferences"),
    path("k/<str:token>", knowing.known, name="known"),
    path("k/<str:token>/page", knowing.page, name="known_page"),
    path("k/<str:token>/json", knowing.export, name="known_json"),
    path("k/<str:token>/erase", knowing.ask_erasure, name="ask_erasure"),
    path("e/<str:token>", knowing.erase, name="erase"),
    path("<str:token>", unsubscribing.unsubscribe, name="unsubscribe"),
]
