"""What the tier of clients runs beside the tests in their packages."""
