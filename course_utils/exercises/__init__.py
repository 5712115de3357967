"""Checks that a notebook runs on a student's answer, a file for each notebook.

Each returns a verdict.
"""

from course_utils.exercises.autoencoder import (
    check_ae_loss,
    check_distance_to_nearest,
    check_error_share,
    check_lost_share,
)
from course_utils.exercises.denoising_autoencoder import (
    check_dae_loss,
    check_langevin_step,
    check_score_from_denoiser,
    check_summit,
)
from course_utils.exercises.elbo import (
    check_importance_bound,
    check_lattice_sum,
    check_linear_elbo,
    check_width_price,
)
from course_utils.exercises.gan_and_diffusion import (
    check_best_reply,
    check_diffuse,
    check_discriminator_loss,
    check_reverse_step,
)
from course_utils.exercises.generative_models import (
    check_m_step,
    check_mixture_draws,
    check_mixture_log_density,
    check_mixture_size,
)
from course_utils.exercises.pca import (
    check_code_width,
    check_leading_components,
    check_pca_error,
    check_pca_reconstruction,
)
from course_utils.exercises.posterior_collapse import (
    check_kl_weight,
    check_vae_loss,
    check_water_filling,
)
from course_utils.exercises.probabilistic_autoencoder import (
    check_gaussian_nll,
    check_perfect_nll,
    check_regularized_pae,
    check_safe_nll,
)
from course_utils.exercises.sparse_autoencoder import (
    check_active_units,
    check_silent_price,
    check_sparse_ae_loss,
    check_unit_columns,
)
from course_utils.exercises.variational_autoencoder import (
    check_hidden_beta,
    check_kl,
    check_prior_share,
    check_reparameterize,
)
from course_utils.exercises.vq_vae import (
    check_nearest_code,
    check_perplexity,
    check_plain_bits,
    check_straight_through,
)

__all__ = [
    "check_active_units",
    "check_ae_loss",
    "check_best_reply",
    "check_code_width",
    "check_dae_loss",
    "check_diffuse",
    "check_discriminator_loss",
    "check_distance_to_nearest",
    "check_error_share",
    "check_gaussian_nll",
    "check_hidden_beta",
    "check_importance_bound",
    "check_kl",
    "check_kl_weight",
    "check_langevin_step",
    "check_lattice_sum",
    "check_leading_components",
    "check_linear_elbo",
    "check_lost_share",
    "check_m_step",
    "check_mixture_draws",
    "check_mixture_log_density",
    "check_mixture_size",
    "check_nearest_code",
    "check_pca_error",
    "check_pca_reconstruction",
    "check_perfect_nll",
    "check_perplexity",
    "check_plain_bits",
    "check_prior_share",
    "check_regularized_pae",
    "check_reparameterize",
    "check_reverse_step",
    "check_safe_nll",
    "check_score_from_denoiser",
    "check_silent_price",
    "check_sparse_ae_loss",
    "check_straight_through",
    "check_summit",
    "check_unit_columns",
    "check_vae_loss",
    "check_water_filling",
    "check_width_price",
]
