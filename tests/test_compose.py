import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import compose
import pytest

from driftline.services.servers.kafka_jars import kafka_version
from driftline.services.settings import read

ROOT = Path(__file__).resolve().parent.parent
# The program itself: the command of that name in the virtual environment is a wrapper that hides its exit status.
COMPOSE = Path(compose.__file__).with_name("docker-compose")
KEY = {"DRIFTLINE_SECRETS__SNAPSHOT_KEY": "0123456789abcdef0123456789abcdef"}
PROFILES = ["demo", "heavy", "tools"]

METRICS = {
    "driftline_baseline",
    "driftline_build_info",
    "driftline_champion",
    "driftline_checkpoint_age_seconds",
    "driftline_checkpoint_bytes",
    "driftline_checkpoint_seconds",
    "driftline_consumed_total",
    "driftline_dead_letters_total",
    "driftline_drift_false_alarm_budget",
    "driftline_drift_false_alarm_rate",
    "driftline_drift_false_alarms_total",
    "driftline_drift_tested_total",
    "driftline_drifts_total",
    "driftline_evidence",
    "driftline_expert_error",
    "driftline_expert_weight",
    "driftline_label_delay_seconds",
    "driftline_labels_total",
    "driftline_lag",
    "driftline_learn_seconds_total",
    "driftline_predict_seconds_total",
    "driftline_predictions_total",
    "driftline_promotions_total",
    "driftline_questions_total",
    "driftline_ready",
    "driftline_refinements_total",
    "driftline_rejected_total",
    "driftline_replayed_total",
    "driftline_restore_seconds",
    "driftline_score",
    "driftline_steps_total",
    "driftline_voices_total",
    "driftline_waiting",
}


def run(*arguments: str, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DRIFTLINE_", "COMPOSE_"))}
    # An empty file of variables, so that a developer's own .env says nothing here.
    command = [str(COMPOSE), "--file", str(ROOT / "docker-compose.yml"), "--env-file", os.devnull, *arguments]
    return subprocess.run(command, env=clean | env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def services():
    done = run("--profile", "*", "config", "--format", "json", env=KEY)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]


@pytest.mark.parametrize("profile", ["", *PROFILES, "*"])
def test_compose_accepts_the_file(profile):
    done = run("--profile", profile, "config", "-q", env=KEY)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_key_compose_says_what_to_do():
    done = run("config", "-q", env={})
    assert done.returncode != 0
    assert "DRIFTLINE_SECRETS__SNAPSHOT_KEY" in done.stderr
    assert "copy .env.example to .env" in done.stderr


def test_the_example_names_the_variables_that_compose_requires():
    required = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    named = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert required == named


def test_a_plain_up_starts_the_stack_and_profiles_add_to_it():
    def names(*profiles: str) -> set[str]:
        arguments = [part for profile in profiles for part in ("--profile", profile)]
        return set(run(*arguments, "config", "--services", env=KEY).stdout.split())

    assert names() == {"kafka", "redis", "streams", "prometheus", "grafana"}
    assert names("demo") - names() == {"publisher"}
    assert names("heavy") - names() == {"worker"}
    assert names("tools") - names() == {"kafka-tools"}


def test_nothing_runs_as_root_or_can_become_it(services):
    for name, service in services.items():
        assert service["user"].split(":")[0] not in ("", "0", "root"), name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_every_server_has_a_health_check(services):
    unchecked = {name for name, service in services.items() if service["healthcheck"].get("disable")}
    assert unchecked == {"publisher", "kafka-tools"}, "these two serve nothing"
    for name in services.keys() - unchecked:
        assert services[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
    assert "/livez" in services["streams"]["healthcheck"]["test"][-1]


def test_our_services_wait_for_what_they_need(services):
    for name in ("kafka", "redis"):
        for ours in ("streams", "worker"):
            assert services[ours]["depends_on"][name]["condition"] == "service_healthy"
    assert services["publisher"]["depends_on"]["streams"]["condition"] == "service_healthy"


def test_ports_are_on_loopback_alone(services):
    ports = [(name, port) for name, service in services.items() for port in service.get("ports", [])]
    assert {name for name, _ in ports} == {"kafka", "redis", "streams", "worker", "prometheus", "grafana"}
    assert all(port["host_ip"] == "127.0.0.1" for _, port in ports), ports


def test_redis_keeps_what_it_is_told(services):
    command = services["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert [v["target"] for v in services["redis"]["volumes"] if v["type"] == "volume"] == ["/data"]


def test_kafka_keeps_its_log_on_a_volume(services):
    [volume] = services["kafka"]["volumes"]
    assert volume["type"] == "volume"
    assert volume["target"] == services["kafka"]["environment"]["KAFKA_LOG_DIRS"]


def test_kafka_is_the_same_version_with_docker_and_without(services):
    assert services["kafka"]["image"] == f"apache/kafka:{kafka_version()}"
    assert services["kafka-tools"]["image"] == services["kafka"]["image"]


def test_images_are_pinned_and_resources_limited(services):
    for name, service in services.items():
        assert re.search(r":(v?\d+\.\d+\.\d+\S*|local)$", service["image"]), name
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory"} <= limits.keys(), name


def test_our_services_have_time_for_a_last_checkpoint_and_write_to_no_image(services):
    for name in ("streams", "publisher"):
        assert services[name]["stop_grace_period"] == "15s", name
        assert services[name]["read_only"] is True, name


def test_files_that_are_mounted_exist(services):
    for name, service in services.items():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                assert Path(volume["source"]).exists(), (name, volume["source"])
                assert volume["read_only"] is True, (name, volume["source"])


def test_the_image_is_of_the_same_make_as_the_stack(services):
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert re.search(rf"^USER {services['streams']['user']}$", dockerfile, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["driftline"\]$', dockerfile, re.MULTILINE)
    # The same words in two forms: JSON after CMD here, a list in the compose file.
    [check] = re.findall(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert ["CMD", *json.loads(check)] == services["streams"]["healthcheck"]["test"]


def test_what_the_image_is_made_of_is_sent_to_the_builder():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    sent = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert {name for names in copied for name in names.split()} == set(sent)
    assert all((ROOT / name).exists() for name in sent)


@pytest.mark.parametrize("file", ["prometheus/alerts.yml", "grafana/dashboards/driftline.json"])
def test_dashboard_and_alerts_ask_for_metrics_that_exist(file):
    text = (ROOT / "deploy" / file).read_text()
    # Those of the worker, of its voices and of language models are compared with what these tell:
    # test_worker_metrics.py, test_voice_worker.py, test_chat_agents.py.
    ours = re.findall(r"\bdriftline_(?!worker_|voice_|chat_)\w+", text)
    asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name in ours}
    assert asked
    assert asked <= METRICS


def test_the_dashboard_shows_every_metric():
    text = (ROOT / "deploy" / "grafana" / "dashboards" / "driftline.json").read_text()
    assert {name for name in METRICS if not re.search(rf"\b{name}(_bucket)?\b", text)} == set()


def test_each_panel_has_a_place_and_a_number_of_its_own():
    panels = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "driftline.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) == 23


def test_the_worker_brings_what_voices_need(services):
    assert services["worker"]["build"]["args"]["EXTRAS"] == "torch"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any(name.startswith("fracast") for name in extras["torch"])


def test_the_variable_that_points_a_voice_at_a_server_is_one_that_there_is(tmp_path):
    [(name, url)] = re.findall(
        r"^ +#(DRIFTLINE_STREAMS__\w+): (\S+)$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE
    )
    example = (ROOT / "services" / "driftline.toml").read_text()
    start = example.index("#  [streams.cells]")
    lines = example[start : example.index("# ---", start)].splitlines()
    path = tmp_path / "driftline.toml"
    path.write_text("\n".join(line.removeprefix("#  ") for line in lines))
    settings = read(path, {name: url}, {}).settings
    assert settings.streams["cells"].models["volume"].voices["llm"].base_url == url
