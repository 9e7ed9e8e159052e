"""Training kernels compiled for the variant "neon" of _variants.py."""

include "train.pxi"
