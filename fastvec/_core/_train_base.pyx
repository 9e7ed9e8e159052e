"""Training kernels compiled for the variant "base" of _variants.py."""

include "train.pxi"
