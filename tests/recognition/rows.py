"""Rows of few identifiers that meet often: examples are full of conflicts, shared addresses and late arrivals."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.recognition.people import Row

_IDENTIFIERS = st.sampled_from(
    [
        *(("user_id", scope, f"u{n}") for n in range(5) for scope in ("", "app")),
        *(("account", "shop", f"a{n}") for n in range(3)),
        *(("email", "", f"e{n}@example.org") for n in range(4)),
        *(("anonymous_id", "", f"d{n}") for n in range(3)),
        ("postal", "", "ring 1"),
    ]
)
ROWS = st.lists(
    st.builds(
        Row,
        st.lists(_IDENTIFIERS, min_size=1, max_size=3, unique=True).map(tuple),
        st.integers(0, 6),
        st.none() | st.sampled_from(["ann", "bob", "cem", "dora", "eve"]),
    ),
    min_size=1,
    max_size=14,
)
