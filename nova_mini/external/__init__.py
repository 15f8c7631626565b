"""Images and volumes of servers in external services. Used by both sides of Compute."""
