"""What the CPU's integer kernels can do: that decides which INT8 scheme it computes correctly."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class CpuFeatures:
    """`architecture`: "x86" | "arm" | "other". `vnni`: AVX512-VNNI or AVX-VNNI, dot products that don't saturate at
    16 bits. `dot_product`: ARM's SDOT/UDOT.
    """

    architecture: str
    avx2: bool = False
    avx512: bool = False
    vnni: bool = False
    dot_product: bool = False

    @property
    def kind(self) -> str:
        """ "vnni", "avx2" (x86 without VNNI), "arm" or "other": what decides an INT8 scheme."""
        if self.architecture == "x86":
            return "vnni" if self.vnni else "avx2"
        return self.architecture


def cpu_features() -> CpuFeatures:
    """Of this machine; a CPU that can't be asked counts as one without the fast instructions."""
    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return parse_cpuinfo(text, platform.machine())


def cpu_name() -> str:
    """Of this machine's CPU as Linux names it, with the name of its architecture where it has none."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    pairs = [line.partition(":") for line in lines]
    named = [value.strip() for key, _, value in pairs if key.strip().lower() in ("model name", "cpu model")]
    return named[0] if named and named[0] else platform.machine()


def parse_cpuinfo(text: str, machine: str) -> CpuFeatures:
    """Features from the text of Linux's /proc/cpuinfo ("flags" on x86, "Features" on ARM) and the machine's name."""
    flags: set[str] = set()
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip().lower() in ("flags", "features"):
            flags.update(value.split())
    machine = machine.lower()
    if machine.startswith(("aarch64", "arm")):
        return CpuFeatures("arm", dot_product="asimddp" in flags)
    if machine in ("x86_64", "amd64", "i386", "i686"):
        vnni = bool(flags & {"avx512_vnni", "avx512vnni", "avx_vnni"})
        return CpuFeatures("x86", "avx2" in flags, "avx512f" in flags, vnni)
    return CpuFeatures("other")
