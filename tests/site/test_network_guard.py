"""The tests' own guard: nothing leaves the machine."""

from __future__ import annotations

import socket

import pytest
from pytest_socket import SocketBlockedError, SocketConnectBlockedError

# The guard warns before it raises, and here warnings are errors.
pytestmark = pytest.mark.filterwarnings("ignore:A test tried to use")


def test_a_unit_test_opens_no_socket() -> None:
    with pytest.raises(SocketBlockedError):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)


@pytest.mark.network
def test_a_test_of_servers_reaches_this_machine_only() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as outward, pytest.raises(SocketConnectBlockedError):
        outward.connect(("192.0.2.1", 9))
