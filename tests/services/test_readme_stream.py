"""The stream of the README, that nobody planned: a few lines of TOML, a River class, labels half an hour late."""

import json
import random
import re
from pathlib import Path

from live import Bench, eventually

from driftline.services.publisher import publish
from driftline.services.sources.jsonl import JsonLines
from driftline.services.verify import verify

README = Path(__file__).resolve().parents[2] / "README.md"
RIDES = 400
HALF_AN_HOUR = 1_800.0


def toml_of_the_readme() -> str:
    return re.search(r"```toml\n# rides.toml\n(.*?)```", README.read_text(), re.DOTALL).group(1)


def write_rides(path: Path) -> None:
    rng, lines = random.Random(5), []
    for i in range(RIDES):
        at, taxi = 1_700_000_000.0 + 20 * i, f"taxi-{i % 9}"
        km, hour = rng.uniform(1, 20), float(i // 60 % 24)
        ride = {"id": f"r{i}", "at": at, "sensor": taxi, "x": {"km": km, "hour": hour}}
        price = {"of": f"r{i}", "at": at + HALF_AN_HOUR, "y": 3 + 2.1 * km + rng.gauss(0, 0.5)}
        lines.append((at, {"topic": "city.rides", "key": taxi, "value": ride}))
        lines.append((at + HALF_AN_HOUR, {"topic": "city.rides.labels", "key": taxi, "value": price}))
    path.write_text("".join(json.dumps(line) + "\n" for _, line in sorted(lines, key=lambda pair: pair[0])))


def test_the_stream_of_the_readme_learns_from_labels_half_an_hour_late(tmp_path, broker, redis_url):
    bench = Bench(tmp_path, broker, redis_url)
    bench.path.write_text(
        f'app = "{bench.name}"\ndata = "{tmp_path}"\n[kafka]\ngroup = "{bench.name}"\n' + toml_of_the_readme()
    )
    write_rides(tmp_path / "rides.jsonl")
    with bench.stack() as stack:
        settings = stack.settings
        publish(JsonLines(tmp_path / "rides.jsonl", settings.streams), settings.kafka.brokers, settings.streams)
        stack.kill_streams()
        stack.start_streams()

        def all_learnt() -> bool:
            result = bench.run("checkpoint", "list", "--json")
            lanes = json.loads(result.stdout) if result.exit_code == 0 else []
            ends = [sum(one["offsets"].values()) for one in newest(lanes).values()]
            return sum(ends) == 2 * RIDES

        eventually(all_learnt, "all rides and prices handled")
        verdicts = [verify(settings, "rides", partition) for partition in (0, 1)]
    assert all(verdict.equal for verdict in verdicts)
    shown = bench.run("models", "show", "rides", "price", "--json")
    assert shown.exit_code == 0, shown.output
    assert "mae" in shown.stdout


def newest(generations: list[dict]) -> dict[str, dict]:
    found: dict[str, dict] = {}
    for one in generations:
        if one["lane"] not in found or one["serial"] > found[one["lane"]]["serial"]:
            found[one["lane"]] = one
    return found
