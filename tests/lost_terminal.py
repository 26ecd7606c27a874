"""Runs a command on a terminal of its own, which goes away when a file holds a text, and prints the command's exit code.

    lost_terminal.py leader|background FILE TEXT COMMAND...

The leader of the terminal's session gets SIGHUP then, as after a lost ssh connection; a command in the background gets no
signal, as after `COMMAND & disown`.
"""

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

session, file, text, *command = sys.argv[1:]
terminal, end = pty.openpty()


def begin():
    # Whoever runs the tests by nohup has it ignored.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if session == "leader":
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


child = subprocess.Popen(command, stdin=end, stdout=end, stderr=end, start_new_session=True, preexec_fn=begin)
os.close(end)


def is_reached():
    try:
        with open(file) as lines:
            return text in lines.read()
    except FileNotFoundError:
        return False


shown, deadline = b"", time.monotonic() + 300
while not is_reached():
    if select.select([terminal], [], [], 0.005)[0]:
        shown += os.read(terminal, 65536)
    assert child.poll() is None and time.monotonic() < deadline, shown.decode(errors="replace")
os.close(terminal)
print(child.wait(timeout=300))
