"""Training kernels compiled for the variant "avx2" of _variants.py."""

include "train.pxi"
