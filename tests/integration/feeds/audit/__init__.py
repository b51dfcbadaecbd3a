"""Publishing checkpoints, on real sockets."""
