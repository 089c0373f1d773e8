"""What every test may count on."""

from __future__ import annotations

import os

# Debian keeps servers such as mosquitto where an ordinary user's shell does not look.
os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
