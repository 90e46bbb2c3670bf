"""Options of librdkafka, carried over to kafka-python: the user sets them once, for all clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OPTIONS = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
    "sasl.kerberos.service.name": "sasl_kerberos_service_name",
    "ssl.ca.location": "ssl_cafile",
    "ssl.certificate.location": "ssl_certfile",
    "ssl.key.location": "ssl_keyfile",
    "ssl.key.password": "ssl_password",
    "client.id": "client_id",
}
"""Options of librdkafka, and what kafka-python calls them."""


def options_of(client: Mapping[str, str] | None) -> dict[str, Any]:
    """Return kafka-python's form of the options of security, and `client.id`; others are librdkafka's own.

    >>> options_of({"security.protocol": "SSL", "linger.ms": "5"})
    {'security_protocol': 'SSL'}
    """
    return {_OPTIONS[name]: value for name, value in (client or {}).items() if name in _OPTIONS}
