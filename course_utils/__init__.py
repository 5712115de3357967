"""What the notebooks import.

The core: ``objectives`` (the lecture's formulas), ``models``, ``training``, ``data``,
``saving``, ``device``.
``theory``      evaluates and explains: ELBO, exact log p(x), closed forms, estimators
``generative``  the VAE's relatives: VQ-VAE, GAN, diffusion, and how all of them compare
``exercises``   the checks of the exercises, a module for each notebook
``widgets``     a class for each widget, its JavaScript beside it
``plots``, ``notebook``   figures from arrays; the source of a function, shown in a cell
"""
