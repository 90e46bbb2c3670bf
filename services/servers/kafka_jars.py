"""The jars of the real Apache Kafka: fetched by Maven once, kept in a cache folder of the user's.

`kafka_pom.xml` pins the version. The folder is `$DRIFTLINE_CACHE`, or `~/.cache/driftline`.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from driftline.services.servers.process import ServerUnavailable

POM = Path(__file__).with_name("kafka_pom.xml")
OLDEST_JAVA = 17
"""The oldest Java on which a Kafka 4 broker runs."""


def why_no_kafka() -> str | None:
    """Return why the real Kafka cannot run on this machine; None if nothing is known to hinder it.

    Without cached jars, only a try shows whether Maven can fetch them.
    """
    try:
        java()
    except ServerUnavailable as error:
        return str(error)
    if not jars_folder().is_dir() and shutil.which("mvn") is None:
        return "no Maven to fetch Apache Kafka (no `mvn` on the PATH), and no jars in the cache"
    return None


def kafka_version() -> str:
    """Return the version that the pom pins.

    >>> kafka_version().split(".")[0]
    '4'
    """
    found = re.search(r"<kafka\.version>(.+?)</kafka\.version>", POM.read_text(encoding="utf-8"))
    assert found, f"{POM} pins no kafka.version"
    return found[1]


def java() -> str:
    """Return the path of a Java that can run Kafka: the one of `$JAVA_HOME`, or the first on the PATH.

    Raises `ServerUnavailable` if there is none or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    path = shutil.which(str(Path(home, "bin", "java")) if home else "java")
    if path is None:
        raise ServerUnavailable("no Java (JAVA_HOME has none)" if home else "no Java (no `java` on the PATH)")
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    # `openjdk version "17.0.15" 2025-04-15`; before Java 9 it was "1.8.0_292".
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if found is None:
        raise ServerUnavailable(f"{path} does not tell its version: {said.strip()[:200]!r}")
    if int(found[1]) < OLDEST_JAVA:
        raise ServerUnavailable(f"Java {found[1]} is too old ({path}): Kafka needs Java {OLDEST_JAVA}")
    return path


def jars_folder() -> Path:
    """Return where the jars are, or will be.

    The name carries a digest of the pom, so that a folder's contents never change once it is there.
    """
    cache = os.environ.get("DRIFTLINE_CACHE") or Path.home() / ".cache" / "driftline"
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:8]
    return Path(cache).absolute() / f"kafka-{kafka_version()}-{digest}"


def fetch_jars(timeout_seconds: float = 600) -> Path:
    """Return the folder with the jars of Kafka, after letting Maven fetch them if they are not there.

    Raises `ServerUnavailable` if they cannot be had; the folder then does not exist.
    """
    folder = jars_folder()
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = (folder.parent / f"{folder.name}.lock").open("w")
    except OSError as error:
        raise ServerUnavailable(f"cannot keep the jars of Kafka in {folder.parent}: {error}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once: one fetches, the other waits
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
                jars = Path(temporary, "jars")
                _copy_dependencies(jars, timeout_seconds)
                jars.rename(folder)  # all of them or none
    return folder


def _copy_dependencies(into: Path, timeout_seconds: float) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ServerUnavailable("no Maven to fetch Apache Kafka (no `mvn` on the PATH)")
    # Maven keeps its own files beside the pom, and an installed package may not be writable.
    pom = shutil.copy(POM, into.parent / "pom.xml")
    command = [maven, "--batch-mode", "--quiet", "--file", str(pom), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={into}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=timeout_seconds, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise ServerUnavailable(f"Maven did not fetch Apache Kafka within {timeout_seconds:g} s") from None
    if done.returncode != 0 or not any(into.glob("kafka_*.jar")):
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise ServerUnavailable("Maven could not fetch Apache Kafka:\n  " + "\n  ".join(lines[:6]))
