"""Moves tickets and orders forward. The only sender."""

from execution.executor.executor import Executor

__all__ = ["Executor"]
