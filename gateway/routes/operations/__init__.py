"""What operators and machines ask: health, metrics, the cluster, the sandbox clock."""
