"""The states of servers, and the actions that each state allows."""
