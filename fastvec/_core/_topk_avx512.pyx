"""Exact search compiled for the variant "avx512" of _variants.py."""

include "topk.pxi"
