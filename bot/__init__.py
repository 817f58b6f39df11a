"""The front desk: lets people and senders in, and shows them what happened. Never decides."""
