"""Fitted estimators: what they are, how they are packed and how they predict. Read package.py first."""
