"""Horizon in a headless Chromium, as a user and an administrator see it."""
