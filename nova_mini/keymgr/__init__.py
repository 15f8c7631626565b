"""Keys of the cloud's key manager, through castellan."""
