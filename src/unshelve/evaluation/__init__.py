"""How good a model is: splits, metrics with intervals, gates, worth. Read metrics.py first."""
