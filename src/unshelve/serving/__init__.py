"""Answers: the path from the bytes of a request to an answer, and the Proof of it. Read path.py first."""
