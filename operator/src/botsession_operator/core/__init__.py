"""What the operator decides, as pure functions over frozen data. Imports nothing but the standard library.

`observe` reads, `webhook` and `decide` rule, `manifests` and `status` write down what follows. Imports go from right to
left only; import-linter holds them to it."""
