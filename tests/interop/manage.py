#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Speaks with a management interface as programs do that were written for OpenVPN's: by lines, each
# answer read to its end.
#
#   manage.py [-p PASSWORD] SOCKET|IP:PORT COMMAND...
#
# Prints all that came, without carriage returns. Exit status 1: it did not answer in time, or ended.

import socket
import sys

PROMPT = b"ENTER PASSWORD:"


class Desk:
    def __init__(self, where):
        if where.startswith("/"):
            self.s = socket.socket(socket.AF_UNIX)
            self.s.connect(where)
        else:
            host, port = where.rsplit(":", 1)
            self.s = socket.create_connection((host.strip("[]"), int(port)))
        self.s.settimeout(10)
        self.buf = b""

    def more(self):
        data = self.s.recv(65536)
        if not data:
            raise EOFError("it has ended")
        self.buf += data

    def line(self):
        """The next line; the prompt stands without an end."""
        while b"\n" not in self.buf:
            if self.buf == PROMPT:
                self.buf = b""
                return PROMPT.decode()
            self.more()
        line, self.buf = self.buf.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise ValueError("a line without a carriage return: %r" % line)
        line = line[:-1].decode()
        print(line)
        return line

    def say(self, text):
        self.s.sendall(text.encode() + b"\n")

    def answer(self):
        while True:
            line = self.line()
            if line == "END" or line.startswith(("SUCCESS:", "ERROR:")):
                return


def main(args):
    password = None
    if args[0] == "-p":
        password, args = args[1], args[2:]
    desk = Desk(args[0])
    first = desk.line()
    if first == PROMPT.decode():
        desk.say(password or "")
        desk.answer()
        first = desk.line()
    if not first.startswith(">INFO:OpenVPN Management Interface Version "):
        raise ValueError("no greeting: " + first)
    for command in args[1:]:
        desk.say(command)
        if command in ("quit", "exit"):
            while True:
                desk.more()
        desk.answer()


try:
    main(sys.argv[1:])
except EOFError as e:
    ended = sys.argv[-1] in ("quit", "exit")
    if not ended:
        print(e)
    sys.exit(0 if ended else 1)
except (OSError, ValueError) as e:
    print(e)
    sys.exit(1)
