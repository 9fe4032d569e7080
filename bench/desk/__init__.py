"""Measures the research desk without a model: what it answers, what it refuses, what it quotes."""
