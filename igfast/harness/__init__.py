"""Reference training runs: data sets, networks, a training loop, a terminal display.

Needs the extra ``harness`` (PyTorch); the command line needs ``cli`` too. Start with
:func:`igfast.harness.training.train`, which can be read in one sitting.
"""
