"""Why there is no connection. aiomqtt hides it behind one exception; this finds it out again and says what to look at."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from edgectl.uplink.session import BrokerFault

# CONNACK 2, 4 and 5 (MQTT 3.1.1, section 3.2.2.3) as paho numbers them.
_BAD_IDENTIFIER, _BAD_LOGIN, _NOT_AUTHORIZED = 133, 134, 135


def explain(
    error: aiomqtt.MqttError, place: str, *, connected: bool, alerts: Sequence[ssl.SSLError] = ()
) -> BrokerFault:
    """What happened, in words for the person who has to mend it. ``alerts`` are those that TLS ended with."""
    if isinstance(error, MqttConnectError):
        return _refusal(error.rc if isinstance(error.rc, int) else getattr(error.rc, "value", 0), place)
    cause = error.__cause__ or error.__context__
    if connected:
        return BrokerFault(f"{place}: connection lost ({cause or error})")
    for alert in (*alerts, cause):
        if isinstance(alert, ssl.SSLError) and _unwanted(alert):
            text = f"the broker does not accept our certificate ({alert.reason}); check uplink.cert_file, its end and who issued it"
            return BrokerFault(f"{place}: {text}", refused=True)
    if "Operation timed out" in str(error):
        text = "something listens there and does not answer; frozen, no MQTT broker, or TLS on one side only?"
    else:
        text = _cause_text(cause)
    return BrokerFault(f"{place}: {text}")


def _unwanted(alert: ssl.SSLError) -> bool:
    """Whether the broker has something against our certificate, or wants one (alerts of RFC 8446, section 6.2, as OpenSSL names them)."""
    reason = alert.reason or ""
    return "_ALERT_" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason)


def _cause_text(cause: BaseException | None) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message}); check uplink.ca_file, the name and the clock"
    if isinstance(cause, ssl.SSLError):
        return f"no TLS connection ({cause.reason}); check uplink.tls and the port"
    if isinstance(cause, socket.gaierror):
        return f"the name does not resolve ({cause.strerror}); check uplink.host and DNS"
    if isinstance(cause, ConnectionRefusedError):
        return "nothing listens there; is the broker running, is the port right?"
    if isinstance(cause, OSError) and not isinstance(cause, TimeoutError):
        return f"{cause.strerror or cause}; check the network"
    return "no answer; check the network and firewalls"


def _refusal(code: int, place: str) -> BrokerFault:
    if code in (_BAD_LOGIN, _NOT_AUTHORIZED):
        return BrokerFault(
            f"{place}: the broker refuses this user; check uplink.username and uplink.password_file",
            refused=True,
        )
    if code == _BAD_IDENTIFIER:
        return BrokerFault(f"{place}: the broker refuses the name; check uplink.client_id", refused=True)
    return BrokerFault(f"{place}: the broker refuses the connection (code {code})")
