"""Becomes the program of its arguments, with io_uring_setup failing as under the seccomp profile of a container.

Only the standard library: the filter is four instructions of classic BPF, and the C library's prctl sets it.
"""

import ctypes
import os
import struct
import sys

PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
# The same number on every architecture.
IO_URING_SETUP = 425
EPERM = 1

LOAD_WORD = 0x20
JUMP_IF_EQUAL = 0x15
RETURN = 0x06
ALLOW = 0x7FFF0000
ERRNO = 0x00050000


def instruction(code, if_true, if_false, value):
    return struct.pack("=HBBI", code, if_true, if_false, value)


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def prctl(*arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    longs = [argument if isinstance(argument, ctypes.c_void_p) else ctypes.c_ulong(argument) for argument in arguments]
    if libc.prctl(*longs) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


instructions = b"".join(
    [
        # The number of the system call is the first word of what a filter sees.
        instruction(LOAD_WORD, 0, 0, 0),
        instruction(JUMP_IF_EQUAL, 0, 1, IO_URING_SETUP),
        instruction(RETURN, 0, 0, ERRNO | EPERM),
        instruction(RETURN, 0, 0, ALLOW),
    ]
)
program = Program(len(instructions) // 8, instructions)
prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.cast(ctypes.byref(program), ctypes.c_void_p))
os.execv(sys.argv[1], sys.argv[1:])
