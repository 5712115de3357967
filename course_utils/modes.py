"""Train and eval mode: measures run in eval mode and leave each layer in its mode."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

T = TypeVar("T")
P = ParamSpec("P")


@contextmanager
def eval_mode(*networks: object) -> Iterator[None]:
    """All layers that run inside are in eval mode; afterwards each has its mode again.

    A hook finds them, also those inside of a function such as ``lambda z: g(z).sigmoid()``.
    Of the ``networks`` (others are ignored) it need not see the call: methods of a model
    may use its mode themselves.
    """
    switched: list[nn.Module] = []
    thread = threading.get_ident()  # a training in another one goes on as it is

    def switch(layer: nn.Module, inputs: object = None) -> None:
        if threading.get_ident() == thread and layer.training:
            for part in layer.modules():
                if part.training:
                    switched.append(part)
                    part.training = False

    compiled = "torch._dynamo" in sys.modules  # compiled code would keep the hook
    eager = torch.compiler.set_stance("force_eager") if compiled else nullcontext()
    hook = register_module_forward_pre_hook(switch)
    try:
        for network in networks:
            network = getattr(network, "__self__", network)  # of a method
            if isinstance(network, nn.Module):
                switch(network)
        with eager, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Using `torch.compile")  # it runs twice
            yield
    finally:
        hook.remove()
        for layer in switched:
            layer.training = True


def measure(function: Callable[P, T]) -> Callable[P, T]:
    """Decorator: the function runs in ``eval_mode`` and without gradients."""

    @wraps(function)
    def measured(*args: P.args, **kwargs: P.kwargs) -> T:
        with torch.no_grad(), eval_mode(*args, *kwargs.values()):
            return function(*args, **kwargs)

    return measured
