"""The command line: what a person types, and the one place where the engine writes to a screen."""
