"""How long a lane's transactions are open."""
