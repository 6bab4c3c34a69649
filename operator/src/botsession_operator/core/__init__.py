"""What the operator decides, as pure functions over frozen data. Imports nothing but the standard library.

`observe` reads, `webhook` and `decide` hold the rules, `manifests` and `status` build what follows from them. Imports
go from right to left only; import-linter holds them to it."""
