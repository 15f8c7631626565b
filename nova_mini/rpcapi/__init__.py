"""The RPC client side of each service."""
