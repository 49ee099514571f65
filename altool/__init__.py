"""altool: a config-driven experiment runner for deep active learning.

Dimension suffixes used in all maths: `P` dataset · `N` candidates · `L` labelled · `U` unlabelled · `B` minibatch ·
`C` classes · `D` embedding width · `K` stochastic passes · `Z` latent · `S` seeds · `T` stages · `H W` image.
"""

__version__ = "0.1.0"
