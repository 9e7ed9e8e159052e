"""fastvec: static word embeddings on CPUs."""
