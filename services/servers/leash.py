"""Run a command that ends when the process that started it ends (Linux).

Used as a script: `python -I -S leash.py PARENT_PID COMMAND...`. It sets the death signal and then *becomes* the
command, so the process id stays the same. A hook between fork and exec could do this too, but running Python
there is not safe in a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>."""


def main() -> None:
    """Tie this process to its parent and become the command."""
    parent, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    # The parent may have died before the signal was set: then nobody would ever send it.
    if os.getppid() != int(parent):
        sys.exit("the parent process is gone")
    os.execvp(command[0], command)  # noqa: S606 - the command is our caller's, and no shell is wanted


if __name__ == "__main__":
    main()
