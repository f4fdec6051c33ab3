"""The prediction log: every answer that left, exactly once. Read log.py first."""
