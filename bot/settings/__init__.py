"""Environment and `countersign.toml` as one frozen `Settings`; the command line loads it once.

It knows what may be set and refuses the rest in one line. It never reads the process environment
or the clock by itself, and never shows a secret.
"""

from bot.settings.load import load_approval, load_limit, load_settings
from bot.settings.root import Settings
from bot.settings.sections import SettingsError

__all__ = ["Settings", "SettingsError", "load_approval", "load_limit", "load_settings"]
