"""What a measurement was made on."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

LIBRARIES = ("river", "confluent-kafka", "msgspec", "numpy", "redis", "faust-streaming")
RIVAL_LIBRARIES = ("river", "confluent-kafka", "faust-streaming", "aiokafka", "orjson", "quixstreams")


def machine() -> dict[str, str]:
    """Return the processor, the number of cores, the system and the Python."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
    }


def versions(python: Path | None = None) -> dict[str, str]:
    """Return the versions of the libraries here, or in the environment of another Python."""
    if python is None:
        return {name: importlib.metadata.version(name) for name in LIBRARIES}
    code = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    said = subprocess.run([python, "-c", code, *RIVAL_LIBRARIES], capture_output=True, text=True, check=True)
    return dict(zip(RIVAL_LIBRARIES, said.stdout.split(), strict=True))


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
