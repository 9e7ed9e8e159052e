"""What the benchmarks time, each in a process of its own: prints one JSON line of seconds and sizes.

Usage: python bench/_children.py JOB '{"option": ...}'
"""

import json
import resource
import sys
import time


def gensim_train(corpus, dim, epochs, threads, seed, output):
    """gensim's Word2Vec, file path, skip-gram with negative sampling, gensim's defaults elsewhere."""
    from gensim.models import Word2Vec

    model = Word2Vec(vector_size=dim, sg=1, workers=threads, epochs=epochs, seed=seed)
    marks = [time.perf_counter()]
    model.build_vocab(corpus_file=corpus)
    marks.append(time.perf_counter())
    model.train(
        corpus_file=corpus,
        total_words=model.corpus_total_words,
        total_examples=model.corpus_count,
        epochs=epochs,
    )
    marks.append(time.perf_counter())
    model.wv.save_word2vec_format(output, binary=True)
    return {"vocab": marks[1] - marks[0], "train": marks[2] - marks[1], "words": len(model.wv)}


def fastvec_train(corpus, dim, epochs, threads, seed, output):
    """The same in fastvec, from text to a saved file."""
    import fastvec

    begun = time.perf_counter()
    model = fastvec.Word2Vec(
        corpus_file=corpus, vector_size=dim, sg=1, workers=threads, epochs=epochs, seed=seed
    )
    read = time.perf_counter() - begun - model.total_train_time
    if output.endswith(".bin"):
        model.wv.save_word2vec_format(output, binary=True)
    else:
        model.wv.save(output)
    return {"read and encode": read, "train": model.total_train_time, "words": len(model.wv)}


def fastvec_vocab(corpus, threads):
    """Counting alone; the least of three times, as gensim's figure comes from a warm file cache too."""
    from fastvec import Vocab

    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        vocab = Vocab.from_source(corpus, workers=threads)
        seconds.append(time.perf_counter() - begun)
    return {"vocab": min(seconds), "words": len(vocab)}


def fastvec_open(path):
    """Open a .fvec file and look one word up; the resident memory that opening adds."""
    from fastvec import KeyedVectors

    before = resident()
    begun = time.perf_counter()
    kv = KeyedVectors.load(path)
    opened = time.perf_counter() - begun
    added = resident() - before
    kv["w500000"]
    return {"open": opened, "open and one vector": time.perf_counter() - begun, "resident MB": added}


def gensim_open(path):
    """gensim's `load(mmap="r")` of the same matrix."""
    from gensim.models import KeyedVectors

    begun = time.perf_counter()
    KeyedVectors.load(path, mmap="r")
    return {"open": time.perf_counter() - begun}


def gensim_import():
    """How long `import gensim` takes."""
    begun = time.perf_counter()
    import gensim  # noqa: F401

    return {"import": time.perf_counter() - begun}


def fastvec_import():
    """How long `import fastvec` takes, numpy included."""
    begun = time.perf_counter()
    from fastvec import KeyedVectors, Word2Vec  # noqa: F401

    return {"import": time.perf_counter() - begun}


def resident():
    """Resident memory of this process, in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


if __name__ == "__main__":
    job, options = sys.argv[1], json.loads(sys.argv[2])
    result = globals()[job](**options)
    result["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps(result))
