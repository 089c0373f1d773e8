"""Where this machine keeps things: read from the environment by the commands, never by control."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _usual_state_dir() -> Path:
    """The service's folder for whoever may write it, else one of the user's own."""
    shared = Path("/var/lib/edgectl")
    return shared if os.access(shared, os.W_OK) else Path.home() / ".local" / "state" / "edgectl"


class Settings(BaseSettings):
    """``EDGECTL_...`` first, then what systemd sets for the service (StateDirectory, RuntimeDirectory, LoadCredential), then the default."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    state_dir: Path = Field(
        default_factory=_usual_state_dir,
        validation_alias=AliasChoices("EDGECTL_STATE_DIR", "STATE_DIRECTORY"),
    )
    secrets_dir: Path = Field(
        default=Path("/etc/edgectl/secrets"),
        validation_alias=AliasChoices("EDGECTL_SECRETS_DIR", "CREDENTIALS_DIRECTORY"),
    )

    def secret(self, name: str) -> str:
        """The file that holds a secret: a bare name is looked for among the secrets, a full path stays as it is, nothing stays nothing.

        ``LoadCredential=secrets:FOLDER`` names what it copies ``secrets_NAME``; a credential loaded singly keeps its own name.
        """
        if not name:
            return ""
        alone, from_folder = self.secrets_dir / name, self.secrets_dir / f"secrets_{name}"
        return str(from_folder if from_folder.exists() and not alone.exists() else alone)
