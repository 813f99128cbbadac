"""Ports of servers are free for TCP and UDP, and no client is given one before its server is up."""

import os
import socket
from itertools import count
from pathlib import Path

import pytest
from operando.simulated_beamline import launcher
from operando.simulated_beamline.launcher import LOOPBACK, PORTS, free_ports

OF_CLIENTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_no_port_is_given_twice():
    assert len({*free_ports(13), *free_ports(13), *free_ports(1)}) == 27


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_that_is_used_by_tcp_or_udp_is_passed_over(kind):
    (free,) = free_ports(1)
    coming = PORTS[(free - PORTS.start + 1) % len(PORTS)]
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((LOOPBACK, coming))
        assert coming not in free_ports(3)


@pytest.mark.skipif(not OF_CLIENTS.exists(), reason="only Linux tells its ports of clients")
def test_ports_of_clients_begin_above():
    assert max(PORTS) < int(OF_CLIENTS.read_text().split()[0])


def test_two_processes_that_look_at_the_same_time_do_not_meet(monkeypatch):
    found = []
    for process in (os.getpid(), os.getpid() + 1):
        monkeypatch.setattr(os, "getpid", lambda process=process: process)
        monkeypatch.setattr(launcher, "_taken", count())
        found += free_ports(13)
    assert len({*found}) == 26


def test_where_nothing_is_free_it_says_so(monkeypatch):
    monkeypatch.setattr(launcher, "_is_free", lambda _port: False)
    with pytest.raises(RuntimeError, match="only 0 of 2 ports from 10000 to 32000 are free"):
        free_ports(2)
