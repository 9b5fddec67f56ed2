"""Trainers that own the training loop: a callback for each, in a module of its own.

``igfast.integrations.lightning`` and ``igfast.integrations.transformers`` import their library;
loops of your own, with accelerate or torchrun, use :class:`igfast.Monitor` itself.
"""
