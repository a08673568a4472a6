# SPDX-License-Identifier: GPL-3.0-or-later
"""A long way for UDP, for the interop tests: delay.py LISTEN PORT SERVER PORT SECONDS.

Each client has a socket of its own towards the server; every datagram is late by SECONDS.
"""
import heapq
import select
import socket
import sys
import time


def main(listen, port, server, server_port, late):
    here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    here.bind((listen, port))
    there = {}  # client -> its socket
    who = {}  # socket -> client
    due = []
    n = 0
    print("ready", flush=True)
    while True:
        wait = max(0, due[0][0] - time.monotonic()) if due else None
        for s in select.select([here, *who], [], [], wait)[0]:
            try:
                data, sender = s.recvfrom(65536)
            except OSError:  # nobody listens there
                continue
            if s is here and sender not in there:
                there[sender] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                there[sender].connect((server, server_port))
                who[there[sender]] = sender
            way = (there[sender], None) if s is here else (here, who[s])
            n += 1
            heapq.heappush(due, (time.monotonic() + late, n, data, way))
        while due and due[0][0] <= time.monotonic():
            _, _, data, (s, to) = heapq.heappop(due)
            try:
                s.sendto(data, to) if to else s.send(data)
            except OSError:
                pass


main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
