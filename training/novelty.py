"""How far a scene is from the scenes of training: distances in the space of small pictures and of features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

THUMBNAIL_PX = 16
COMPONENTS = 40


class Subspace(nn.Module):
    """A Gaussian in a linear subspace: the distance inside it and the distance from it, each over its limit."""

    mean: Tensor
    basis: Tensor
    deviation: Tensor
    limits: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("basis", torch.zeros(size, COMPONENTS))
        self.register_buffer("deviation", torch.ones(COMPONENTS))
        self.register_buffer("limits", torch.ones(2))

    def distances(self, vectors: Tensor) -> Tensor:
        """Distances of vectors of shape (n, size): inside and from the subspace, shape (n, 2)."""
        centred = vectors - self.mean
        inside = centred @ self.basis
        rest = centred - inside @ self.basis.T
        return torch.stack(
            [(inside / self.deviation).square().mean(dim=1).sqrt(), rest.square().mean(dim=1).sqrt()], dim=1
        )

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the larger of both distances over their limits, shape (n,)."""
        return (self.distances(vectors) / self.limits).amax(dim=1)

    def fit(self, vectors: Tensor, held_out: Tensor, quantile: float, margin: float) -> None:
        """Fit to vectors of shape (n, size); `quantile` of the held-out vectors times `margin` becomes distance 1."""
        self.mean = vectors.mean(dim=0)
        _, values, rows = torch.linalg.svd((vectors - self.mean)[:20000], full_matrices=False)
        self.basis = rows[:COMPONENTS].T.contiguous()
        self.deviation = values[:COMPONENTS] / min(len(vectors), 20000) ** 0.5 + 1e-6
        self.limits = margin * torch.quantile(self.distances(held_out), quantile, dim=0)


class Novelty(nn.Module):
    """Largest of the distances of both pictures and of the features; 1 is the edge of what was seen in training."""

    def __init__(self, feature_size: int) -> None:
        super().__init__()
        pixels = 3 * THUMBNAIL_PX**2
        self.first, self.second, self.features = Subspace(pixels), Subspace(pixels), Subspace(feature_size)

    def forward(self, first: Tensor, second: Tensor, features: Tensor) -> Tensor:
        """Novelty of pairs.

        Args:
            first: images of shape (n, 3, 96, 96), -1 to 1.
            second: the same for the other camera.
            features: of the pairs, shape (n, feature size).
        """
        parts = [self.first(thumbnails(first)), self.second(thumbnails(second)), self.features(features)]
        return torch.stack(parts, dim=1).amax(dim=1)


def thumbnails(images: Tensor) -> Tensor:
    """Images of shape (n, 3, 96, 96) to flat small pictures."""
    return functional.avg_pool2d(images, images.shape[-1] // THUMBNAIL_PX).flatten(1)
