"""The implementations of the ports. Only this package knows their libraries, and translates their exceptions."""
