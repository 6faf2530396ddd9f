"""Run in the place of the daemon, in its sandbox: tries what the service must not be able to do.

What came of it is written as JSON: the name of the error, or "done".
"""

import contextlib
import ctypes
import errno
import json
import mmap
import os
import pathlib
import socket
import time

libc = ctypes.CDLL(None, use_errno=True)
results = {}


def attempt(name, call):
    try:
        call()
        results[name] = "done"
    except OSError as error:
        results[name] = errno.errorcode.get(error.errno, str(error))


def checked(value):
    if value < 0:
        raise OSError(ctypes.get_errno(), "")


def send(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to:
        to.sendto(b"x", (address, 9))


def touch(path):
    pathlib.Path(path).write_text("x")


attempt("send 203.0.113.9", lambda: send("203.0.113.9"))
attempt("send 10.0.0.9", lambda: send("10.0.0.9"))
attempt("send 127.0.0.1", lambda: send("127.0.0.1"))
attempt("open /dev/null", lambda: os.close(os.open("/dev/null", os.O_RDWR)))
for place in ("/dev/ttyS9", "/dev/lobby/port", "/dev/lobby/other"):
    attempt(f"open {place}", lambda place=place: os.close(os.open(place, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)))
for place in ("/usr", "/etc", "/etc/lobby", "/opt/lobby", "/var/log", "/boot"):
    attempt(f"write {place}", lambda place=place: touch(f"{place}/probe"))
attempt("write /var/lib/lobby", lambda: touch("/var/lib/lobby/probe"))
attempt("write /tmp", lambda: touch("/tmp/probe"))
for place in ("/home", "/root"):
    attempt(f"list {place}", lambda place=place: os.listdir(place))
attempt("socket AF_PACKET", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close())
attempt("socket AF_NETLINK", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close())
attempt("new user namespace", lambda: checked(libc.unshare(0x10000000)))
attempt("set the clock", lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()))
attempt("set the host name", lambda: socket.sethostname("probe"))
attempt("real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
attempt("set-user-id", lambda: os.chmod("/var/lib/lobby/probe", 0o4755))
attempt("personality", lambda: checked(libc.personality(0x0040000)))
attempt(
    "memory to write and run",
    lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close(),
)
attempt("mount", lambda: checked(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)))
attempt("kernel settings", lambda: touch("/proc/sys/kernel/printk"))
attempt("kernel log", lambda: checked(libc.klogctl(3, ctypes.create_string_buffer(64), 64)))
attempt("cgroups", lambda: os.mkdir("/sys/fs/cgroup/probe"))
attempt("see process 1", lambda: os.stat("/proc/1"))
attempt("become root", lambda: os.setuid(0))
status = dict(
    line.split(":\t", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines() if ":\t" in line
)
for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"):
    results[name] = status[name]
with contextlib.suppress(FileNotFoundError):
    os.unlink("/var/lib/lobby/probe")
results["groups"] = sorted(os.getgroups())
pathlib.Path("/var/lib/lobby/probe.json").write_text(json.dumps(results))
