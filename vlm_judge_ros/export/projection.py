"""Linear layers with their weight lying the way ONNX multiplies, which quantization tools look for."""

from __future__ import annotations

from torch import Tensor, nn


class Projection(nn.Module):
    """A linear layer as x @ weight + bias, the weight (inputs, outputs)."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """Take the weight (outputs, inputs) of a linear layer."""
        super().__init__()
        self.weight = nn.Parameter(weight.detach().t().contiguous(), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Multiply; the last axis of `inputs` is the one that goes."""
        product = inputs @ self.weight
        return product if self.bias is None else product + self.bias


def replace_linear_layers(module: nn.Module) -> None:
    """Put a `Projection` in the place of every linear layer below `module`."""
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, Projection(child.weight, child.bias))
        else:
            replace_linear_layers(child)
