"""What the operator decides, as pure functions over frozen data. Imports nothing but the standard library."""
