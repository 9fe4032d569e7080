"""How much memory what rests in a lane takes."""
