import pytest
from pydantic import ValidationError

from driftline.streams.voice_config import CHAT_ONLY, VoiceConfig

CHAT = {"kind": "chat", "base_url": "http://127.0.0.1:8000", "model": "m"}


def told(**fields):
    with pytest.raises(ValidationError) as error:
        VoiceConfig(**fields)
    return str(error.value)


def test_a_voice_in_the_worker_needs_nothing_else():
    voice = VoiceConfig(kind="fracast")
    assert (voice.deadline_seconds, voice.batch) == (600.0, 256)


def test_defaults_of_a_chat():
    voice = VoiceConfig(**CHAT)
    assert (voice.time_out_seconds, voice.rounds, voice.grammar, voice.api_key) == (30.0, 1, "json_schema", None)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://localhost:11434", "http://localhost:11434/v1/chat/completions"),
        ("http://localhost:11434/", "http://localhost:11434/v1/chat/completions"),
        ("https://api.example.com/v1", "https://api.example.com/v1/chat/completions"),
        ("https://api.example.com/v1/", "https://api.example.com/v1/chat/completions"),
        ("https://example.com/v1beta/openai/", "https://example.com/v1beta/openai/chat/completions"),
        ("http://[::1]:8000", "http://[::1]:8000/v1/chat/completions"),
    ],
)
def test_where_a_chat_is_asked(url, endpoint):
    assert VoiceConfig(**{**CHAT, "base_url": url}).endpoint == endpoint


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("file:///etc/passwd", "must begin with http:// or https://"),
        ("127.0.0.1:8000", "must begin with http:// or https://"),
        ("", "must begin with http:// or https://"),
        ("http://", "must be an address such as"),
        ("http://host:99999", "must be an address such as"),
        ("http://host:8000/v1\r\nX: y", "must be an address such as"),
        ("http://user:hunter2@host/v1", "must hold no login: set api_key"),
        ("http://host/v1?key=hunter2", "must end with its path"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_and_not_repeated(url, what):
    message = told(**{**CHAT, "base_url": url})
    assert what in message
    assert "hunter2" not in message


@pytest.mark.parametrize("name", ["base_url", "model"])
def test_a_chat_needs_an_address_and_a_model(name):
    assert f'kind = "chat" needs `{name}`' in told(**{k: v for k, v in CHAT.items() if k != name})


@pytest.mark.parametrize("name", CHAT_ONLY)
def test_what_is_a_chats_alone_is_refused_elsewhere(name):
    value = {"base_url": "http://h", "model": "m", "api_key": "k", "grammar": "none"}.get(
        name, 1_000 if "t" in name else 1
    )
    value = {"rounds": 2, "time_out_seconds": 1}.get(name, value)
    assert f'`{name}` is for kind = "chat"' in told(kind="fracast", **{name: value})


def test_every_field_is_a_chats_or_all_voices():
    assert set(VoiceConfig.model_fields) == {*CHAT_ONLY, "kind", "deadline_seconds", "batch"}


def test_a_misspelt_name_and_a_number_out_of_range_are_refused():
    assert "token_per_minute" in told(**CHAT, token_per_minute=1)
    assert "greater than 0" in told(**CHAT, time_out_seconds=0)
    assert "less than or equal to 3" in told(**CHAT, rounds=4)


def test_a_key_is_never_shown():
    voice = VoiceConfig(**CHAT, api_key="hunter2")
    assert "hunter2" not in repr(voice)
    assert "hunter2" not in voice.model_dump_json()
    assert "hunter2" not in told(**CHAT, api_key="hunter2", rounds=9)


def test_what_was_made_can_be_made_again_from_what_it_says():
    for voice in (VoiceConfig(kind="fracast"), VoiceConfig(kind="other", batch=8), VoiceConfig(**CHAT, rounds=2)):
        assert VoiceConfig(**voice.model_dump()) == voice
