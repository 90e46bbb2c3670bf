"""Imports run one way, cost nothing, and reach only what was named."""

import ast
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("models", "streams", "services")
ALLOWED = {"models": {"models"}, "streams": {"models", "streams"}, "services": {"models", "streams", "services"}}


def files():
    return [path for folder in FOLDERS for path in sorted(ROOT.glob(f"{folder}/**/*.py"))]


def imported(path):
    """Every module that a file imports, at its top, inside functions, and for the type checker alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            module = node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def name_of(path):
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(["driftline", *(parts[:-1] if parts[-1] == "__init__" else parts)])


def python(code, *arguments, **options):
    """Run Python in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300, **options
    )


def test_imports_run_one_way():
    wrong = []
    for path in files():
        folder = path.relative_to(ROOT).parts[0]
        for module in imported(path):
            package, _, rest = module.partition(".")
            assert package not in FOLDERS, f"{path}: {module} would load the file twice: import driftline.{module}"
            if package == "driftline" and rest.split(".")[0] in FOLDERS:
                target = rest.split(".")[0]
                if target not in ALLOWED[folder]:
                    wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert not wrong
    assert len(files()) > 50  # or nothing was looked at


def test_models_know_no_kafka_redis_clock_or_settings():
    strangers = {"confluent_kafka", "kafka", "aiokafka", "faust", "redis", "pydantic_settings", "time", "datetime"}
    for path in sorted(ROOT.glob("models/**/*.py")):
        found = {module.split(".")[0] for module in imported(path)} & strangers
        assert not found, f"{path.relative_to(ROOT)} imports {', '.join(found)}"


def test_the_streams_process_loads_without_torch():
    modules = ["driftline.streams.runner", "driftline.streams.redis_store", "driftline.services.streams_process"]
    done = python(
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'safetensors'):\n"
        "            raise ImportError(f'{name} was asked for')\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "import importlib\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "assert 'torch' not in sys.modules\n",
        *modules,
    )
    assert done.returncode == 0, done.stderr


QUIET = """
import importlib, os, socket, sys

# Libraries may look at the environment while they load; it is our own lines that must not.
ours = sys.argv[1]
def blame(what):
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(ours) and "site-packages" not in name:
            raise SystemExit(f"{name}:{frame.f_lineno} {what} while it was imported")
        passed_on = name.startswith("<") or name.endswith(("/os.py", "/_collections_abc.py"))
        if not passed_on and "importlib" not in name:
            return
        frame = frame.f_back

real = type(os.environ)
class Watched(real):
    def __getitem__(self, key):
        blame(f"read the environment variable {key}")
        return super().__getitem__(key)
os.environ.__class__ = Watched
class Closed(socket.socket):
    def __init__(self, *given, **options):
        raise SystemExit("a socket was opened while modules were imported")
socket.socket = Closed
for name in sys.argv[2:]:
    importlib.import_module(name)
print("quiet")
"""


def test_importing_a_module_reads_no_environment_and_opens_no_socket():
    done = python(QUIET, str(ROOT), *(name_of(path) for path in files() if "torch" not in path.read_text()))
    assert done.stdout == "quiet\n", done.stderr


def test_the_watch_on_imports_would_see_one_that_looks(tmp_path):
    (tmp_path / "curious.py").write_text("import os\nHOME = os.environ.get('HOME')\n")
    (tmp_path / "loud.py").write_text("import socket\nsocket.socket()\n")
    for name, said in (("curious", "curious.py:2 read the environment variable HOME"), ("loud", "a socket was opened")):
        done = python(QUIET, str(tmp_path), name, cwd=tmp_path)
        assert said in done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and sdist, built as a release is."""
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.mark.slow
def test_a_wheel_brings_driftline_and_no_global_name_of_its_folders(built, tmp_path):
    [wheel] = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"driftline"}
    for folder in FOLDERS:
        assert f"driftline/{folder}/__init__.py" in names
    target = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # An interpreter of its own, which knows nothing of the editable install.
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    code = (
        "import importlib.util as u, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "assert [n for n in sys.argv[2:] if u.find_spec(n)] == [], 'importable'\n"
        "import driftline\n"
        "assert driftline.__file__.startswith(sys.argv[1]), driftline.__file__\n"
        "assert u.find_spec('driftline.models') and u.find_spec('driftline.services')\n"
    )
    done = subprocess.run(
        [str(home / "bin" / "python"), "-c", code, str(target), *FOLDERS],
        capture_output=True, text=True, cwd=tmp_path, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_editable_install_brings_no_global_name_either(tmp_path):
    done = python(
        "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])", *FOLDERS, cwd=tmp_path
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.slow
def test_an_sdist_holds_the_files_and_not_the_links_alone(built):
    import tarfile

    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        found = {member.name.partition("/")[2]: member for member in archive.getmembers()}
    assert found["driftline/streams/lane.py"].isfile()
    assert found["driftline/streams/lane.py"].size > 1_000
    assert "pyproject.toml" in found
