"""How long it takes to open a lane with many live invocations."""
