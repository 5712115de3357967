"""What is made of the notebooks: slides, a class, executed copies. Needs the repository."""
