"""Runs a program in namespaces of its own with bubblewrap: an explicit root, no capabilities, no way to gain
any.

It shares the kernel with the host: it keeps honest programs apart and secrets out of their sight, and does
not claim to hold a hostile tenant (docs say so).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from clary.runtime import seccomp
from clary.runtime.jobdir import JobDirectory
from clary.runtime.launch import Launch
from clary.runtime.network import addresses
from clary.runtime.sandbox import INIT, PRELOAD, Command, init_argv, program_of, variables
from clary.runtime.spec import RunSpec

INSIDE_INIT = "/run/clary/init.py"
INSIDE_PRELOAD = "/run/clary/preload.py"
INSIDE_SOCKET = "/run/sagemaker/http.sock"
INSIDE_HOSTS = "/run/hosts"
_HOME = "/home/job"
_TMP = "/tmp"  # noqa: S108 - the job's own, on the disk: files there do not count as its memory
_USER = 1000
# Settings every program may need and that hold no secret. Keys (/etc/ssl/private) and accounts are not
# among them.
_ETC = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "timezone", "mime.types",
    "services", "protocols", "fonts", "resolv.conf", "ssl/certs", "ssl/openssl.cnf", "pki/tls/certs",
    "pki/ca-trust/extracted",
    "ca-certificates/extracted", "gai.conf",
)  # fmt: skip
_READ_ONLY = ("sys", "sysrq-trigger", "irq", "bus", "fs", "mtrr")  # of /proc
_HIDDEN = (
    "acpi", "asound", "driver", "kallsyms", "kcore", "keys", "key-users", "kmsg", "kpagecgroup", "kpagecount",
    "kpageflags", "latency_stats", "pagetypeinfo", "sched_debug", "scsi", "slabinfo", "timer_list",
    "vmallocinfo", "dynamic_debug",
)  # fmt: skip
_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SYS = ("/sys/devices/system/cpu", "/sys/devices/system/node")  # numerical libraries count cores here


class BwrapSandbox:
    """Composes bubblewrap's command line for one run."""

    def __init__(self, bwrap: Path, *, disable_userns: bool = True) -> None:
        self._bwrap = bwrap
        self._disable_userns = disable_userns

    def prepare(self, job: JobDirectory, spec: RunSpec, launch: Launch) -> None:
        """Write the few files of /etc that are the run's own."""
        for path in (job.ml, job.etc, job.tmp, job.home, *_shared(job, spec)):
            path.mkdir(exist_ok=True)
        job.tmp.chmod(0o1777)
        names = "".join(f"{address}\t{host}\n" for host, address in addresses(spec).items())
        files = {
            "hosts": f"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{names}",
            "hostname": f"{spec.host}\n",
            "passwd": f"root:x:0:0:root:/root:/bin/sh\njob:x:{_USER}:{_USER}:job:{_HOME}:/bin/sh\n"
            "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
            "group": f"root:x:0:\njob:x:{_USER}:\nnogroup:x:65534:\n",
            "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        }
        for name, text in files.items():
            (job.etc / name).write_text(text)

    def command(
        self, job: JobDirectory, spec: RunSpec, launch: Launch, binds: Sequence[tuple[Path, str]], report: int
    ) -> Command:
        """Return the command; its many arguments travel through a file, its environment not through
        arguments.
        """
        # The run's own /tmp and home come first: the image may live under either on this machine.
        arguments = [*self._namespaces(spec), "--bind", f"{job.tmp}", _TMP, "--symlink", _TMP, f"/var{_TMP}"]
        arguments += ["--bind", f"{job.home}", _HOME, *root(launch)]
        for name in sorted(path.name for path in job.etc.iterdir()):
            arguments += ["--ro-bind", f"{job.etc}/{name}", f"/etc/{name}"]
        arguments += ["--bind", f"{job.ml}", "/opt/ml"]
        arguments += ["--bind", f"{launch.sockets / 'share'}", "/run/sagemaker"]
        for shared in _shared(job, spec):
            arguments += ["--bind", f"{shared}", INSIDE_HOSTS]
        for source, target in binds:
            arguments += ["--ro-bind", f"{source}", f"/opt/ml/{target}"]
        for mount in spec.mounts:
            way = "--bind" if mount.writable else "--ro-bind"
            arguments += [way, f"{mount.root / mount.path}", f"/opt/ml/{mount.target}"]
        arguments += ["--chdir", "/opt/ml"]
        descriptors = [report]
        if filter_program := seccomp.program():
            descriptors.append(_memory_file("seccomp", filter_program))
            arguments += ["--seccomp", str(descriptors[-1])]
        information, written = os.pipe()
        descriptors += [
            written,
            _memory_file("arguments", b"\0".join(map(os.fsencode, [*arguments])) + b"\0"),
        ]
        inside = init_argv(launch, INSIDE_INIT, report, program_of(spec, launch))
        return Command(
            argv=(str(self._bwrap), "--info-fd", str(written), "--args", str(descriptors[-1]), "--", *inside),
            environment=variables(spec, launch, base=own_variables(spec)),
            descriptors=tuple(descriptors),
            information=information,
        )

    def _namespaces(self, spec: RunSpec) -> list[str]:
        arguments = [*namespaces(), "--hostname", spec.host]
        if self._disable_userns:
            arguments.append("--disable-userns")
        if not spec.network and not spec.gang:  # hosts of one job have a network: `clary.runtime.hub`
            arguments.append("--unshare-net")
        return arguments


def own_variables(spec: RunSpec) -> dict[str, str]:
    """Return the variables that are the sandbox's to set."""
    serving = {"SAGEMAKER_BIND_TO_SOCKET": INSIDE_SOCKET} if spec.serves else {}
    shared = {"TOOLKIT_HOSTS_DIRECTORY": INSIDE_HOSTS} if spec.gang else {}
    return {"HOME": _HOME, "USER": "job", **serving, **shared}


def _shared(job: JobDirectory, spec: RunSpec) -> list[Path]:
    """Return the directory that the hosts of one job have in common, which nobody else sees."""
    return [job.path.with_name(spec.gang[0]) / "hosts"] if spec.gang else []


def namespaces() -> list[str]:
    """Return the arguments that every sandbox has."""
    return [
        "--unshare-user", "--uid", str(_USER), "--gid", str(_USER), "--unshare-pid", "--unshare-ipc",
        "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL", "--new-session", "--die-with-parent",
        "--as-pid-1",
    ]  # fmt: skip


def root(launch: Launch) -> list[str]:
    """Return the mounts that make the root: the system, the image and the toolkit, all read-only."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM:
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in _ETC:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm"]  # noqa: S108 - its own
    arguments += _kernel_files()
    for shown in _SYS:
        arguments += ["--ro-bind-try", shown, shown]
    image = launch.image
    for path in dict.fromkeys((image.base, image.prefix, *launch.mounts)):
        if not path.is_relative_to("/usr"):
            arguments += ["--ro-bind", str(path), str(path)]
    for folder, inside in ((image.folder, "/opt/image"), (image.toolkit, "/opt/toolkit")):
        if folder:
            arguments += ["--ro-bind", str(folder), inside]
    return [*arguments, "--ro-bind", str(INIT), INSIDE_INIT, "--ro-bind", str(PRELOAD), INSIDE_PRELOAD]


def _kernel_files() -> list[str]:
    """Cover what lets a program that is root outside reach the kernel: /proc asks only for the owner."""
    arguments: list[str] = []
    for name in _READ_ONLY:
        if Path("/proc", name).exists():
            arguments += ["--ro-bind", f"/proc/{name}", f"/proc/{name}"]
    for name in _HIDDEN:
        path = Path("/proc", name)
        if path.is_dir():
            arguments += ["--tmpfs", str(path), "--remount-ro", str(path)]
        elif path.exists():
            arguments += ["--ro-bind", "/dev/null", str(path)]
    return arguments


def _memory_file(name: str, content: bytes) -> int:
    handle = os.memfd_create(name, os.MFD_CLOEXEC)
    os.write(handle, content)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle
