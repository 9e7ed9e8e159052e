"""Training kernels compiled for the variant "avx512" of _variants.py."""

include "train.pxi"
