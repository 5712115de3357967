"""The checks of the exercises: one module per notebook, with the same name."""
