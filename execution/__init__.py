"""Decides and trades. Nothing in this package knows that Telegram exists."""
