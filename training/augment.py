"""Changes of camera and light that must not change the answer."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def augment(images: Tensor, episode: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, zoom, tint and blur each episode as a whole, and add noise to each image.

    Args:
        images: shape (n, 3, size, size), values -1 to 1.
        episode: which episode each image belongs to, 0 to episodes - 1, shape (n,).
        generator: source of randomness, on the device of the images.
    """
    count, device = int(episode.max()) + 1, images.device

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=device) * (high - low) + low

    theta = torch.zeros(count, 2, 3, device=device)
    zoom, turn = uniform(0.93, 1.07, count), uniform(-0.05, 0.05, count)
    theta[:, 0, 0], theta[:, 0, 1] = zoom * torch.cos(turn), -zoom * torch.sin(turn)
    theta[:, 1, 0], theta[:, 1, 1] = zoom * torch.sin(turn), zoom * torch.cos(turn)
    theta[:, :, 2] = uniform(-0.08, 0.08, count, 2)
    grid = functional.affine_grid(theta[episode], list(images.shape), align_corners=False)
    images = functional.grid_sample(images, grid.to(images.dtype), padding_mode="border", align_corners=False)

    gain = uniform(0.75, 1.25, count, 1, 1, 1) * uniform(0.93, 1.07, count, 3, 1, 1)
    offset = uniform(-0.15, 0.15, count, 1, 1, 1)
    softness = uniform(-0.5, 0.5, count, 1, 1, 1).clamp(min=0)[episode]
    images = torch.lerp(images, images.roll(1, dims=2), softness)
    images = torch.lerp(images, images.roll(1, dims=3), softness)
    images = torch.addcmul(offset[episode], images, gain[episode])
    # One picture of noise, rolled differently for each image, costs a hundredth of fresh noise for each.
    noise = torch.randn(images.shape[1:], generator=generator, device=device)
    shifts = torch.randint(images.shape[-1], (len(images),), generator=generator, device=device).tolist()
    rolled = torch.stack([noise.roll(shift, dims=2) for shift in shifts])
    images = torch.addcmul(images, rolled, uniform(0.0, 0.04, count, 1, 1, 1)[episode])
    return images.clamp_(-1, 1).contiguous(memory_format=torch.channels_last)
