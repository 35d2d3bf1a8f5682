"""What processes are given to do; a module by itself, which they can import."""

import os
import signal
import threading

from outergrad.errors import InputError


def square(number):
    return number**2, os.getpid()


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def fail_beside_a_long_one(folder):
    """The first says who it is and works until it is told; the second fails when it has heard."""
    if folder.name == "long":
        try:
            with open(folder / "pid", "w", encoding="utf-8") as pipe:
                pipe.write(str(os.getpid()))
            threading.Event().wait()
        except KeyboardInterrupt:
            (folder / "saved").touch()
            raise
    (folder.parent / "copy").write_text((folder.parent / "long" / "pid").read_text())
    raise InputError("no such speech")
