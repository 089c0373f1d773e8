"""Where this machine keeps things: read from the environment by the commands, never by control."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """``EDGECTL_...`` first, then what systemd sets for the service (StateDirectory, RuntimeDirectory, LoadCredential), then the default."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    state_dir: Path = Field(
        default=Path("/var/lib/edgectl"),
        validation_alias=AliasChoices("EDGECTL_STATE_DIR", "STATE_DIRECTORY"),
    )
    run_dir: Path = Field(
        default=Path("/run/edgectl"), validation_alias=AliasChoices("EDGECTL_RUN_DIR", "RUNTIME_DIRECTORY")
    )
    secrets_dir: Path = Field(
        default=Path("/etc/edgectl/secrets"),
        validation_alias=AliasChoices("EDGECTL_SECRETS_DIR", "CREDENTIALS_DIRECTORY"),
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias="EDGECTL_LOG_LEVEL"
    )

    def secret(self, name: str) -> Path:
        """The file that holds a secret; a full path stays as it is."""
        return self.secrets_dir / name
