"""The checks of the exercises, a module for each notebook, with its name."""
