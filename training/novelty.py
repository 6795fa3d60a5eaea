"""How far a scene is from the scenes of training: distances in the space of small pictures and of features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

THUMBNAIL_PX = 16
COMPONENTS = 40
DETAIL_WEIGHT = 3.0


class Scenes(nn.Module):
    """Gaussians around the mean of each scene, of one shape: distances inside and from their common subspace.

    What remains of all vectors when each is seen from the mean of its own scene gives the shape (Mahalanobis distance
    with a pooled covariance, Lee et al. 2018); the nearest scene counts.
    """

    means: Tensor
    basis: Tensor
    deviation: Tensor
    limits: Tensor

    def __init__(self, size: int, scenes: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(scenes, size))
        self.register_buffer("basis", torch.zeros(size, COMPONENTS))
        self.register_buffer("deviation", torch.ones(COMPONENTS))
        self.register_buffer("limits", torch.ones(2))

    def distances(self, vectors: Tensor) -> Tensor:
        """Distances of vectors of shape (n, size) from each scene: inside and from the subspace, (n, scenes, 2)."""
        centred = vectors[:, None] - self.means[None]
        inside = centred @ self.basis
        rest = centred - inside @ self.basis.T
        return torch.stack(
            [(inside / self.deviation).square().mean(dim=2).sqrt(), rest.square().mean(dim=2).sqrt()], dim=2
        )

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the larger of both distances over their limits, from the nearest scene, shape (n,)."""
        return (self.distances(vectors) / self.limits).amax(dim=2).amin(dim=1)

    def fit(self, vectors: Tensor, scenes: Tensor, held_out: Tensor, quantile: float, margin: float) -> None:
        """Fit to vectors of shape (n, size) and the number of the scene of each, from 0, shape (n,).

        `quantile` of the held-out vectors, seen from their nearest scene, times `margin` becomes distance 1.
        """
        for scene in range(len(self.means)):
            own = vectors[scenes == scene]
            self.means[scene] = own.mean(dim=0) if len(own) else vectors.mean(dim=0)
        centred = (vectors - self.means[scenes])[:20000]
        _, values, rows = torch.linalg.svd(centred, full_matrices=False)
        count = min(COMPONENTS, len(values))
        self.basis[:, :count] = rows[:count].T
        self.deviation[:count] = values[:count] / len(centred) ** 0.5 + 1e-6
        self.limits = torch.ones(2, device=vectors.device)
        apart = self.distances(held_out)
        scale = apart.flatten(0, 1).median(dim=0).values
        nearest = (apart / scale).amax(dim=2).argmin(dim=1)
        own_distance = apart[torch.arange(len(apart), device=apart.device), nearest]
        self.limits = margin * torch.quantile(own_distance, quantile, dim=0)


class Novelty(nn.Module):
    """Largest of the distances of both pictures and of the features; 1 is the edge of what was seen in training."""

    def __init__(self, feature_size: int, scenes: int) -> None:
        super().__init__()
        pixels = 4 * THUMBNAIL_PX**2
        self.first, self.second = Scenes(pixels, scenes), Scenes(pixels, scenes)
        self.features = Scenes(feature_size, scenes)

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
    """Images of shape (n, 3, 96, 96) to flat small pictures, and how much the image varies within each of their pixels.

    Without the second part noise would look like an even grey.
    """
    side = images.shape[-1] // THUMBNAIL_PX
    small = functional.avg_pool2d(images, side)
    squares = functional.avg_pool2d(images.square().mean(dim=1, keepdim=True), side)
    variance = squares - small.square().mean(dim=1, keepdim=True)
    detail = DETAIL_WEIGHT * variance.clamp(min=1e-4).sqrt()
    return torch.cat([small, detail], dim=1).flatten(1)
