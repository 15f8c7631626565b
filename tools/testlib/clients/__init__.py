"""The tier `clients`: programs that others wrote, against a fake cloud."""
