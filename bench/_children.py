"""What the benchmarks time, each in a process of its own: prints one JSON line of seconds and sizes.

Usage: python bench/_children.py JOB '{"option": ...}'
"""

import json
import sys
import time

MODELS = {
    "sg-ns": {"sg": 1},
    "cbow-ns": {"sg": 0},
    "sg-hs": {"sg": 1, "hs": 1, "negative": 0},
    "cbow-hs": {"sg": 0, "hs": 1, "negative": 0},
    "sg-subwords": {"sg": 1},
    "cbow-subwords": {"sg": 0},
}
"""What distinguishes the models; everything else is gensim's default, for all systems."""


def options_of(dim, epochs, threads, seed, alpha, model):
    """Return the options of gensim's models and of fastvec's."""
    return {
        "vector_size": dim,
        "workers": threads,
        "epochs": epochs,
        "seed": seed,
        "alpha": alpha,
        **MODELS[model],
    }


def with_shuffled_ties(counted, empty, seed):
    """Give a model the vocabulary of another one, words of equal counts in an order drawn at random."""
    import random

    words = list(counted.wv.index_to_key)
    random.Random(seed).shuffle(words)
    counts = {word: counted.wv.get_vecattr(word, "count") for word in words}
    empty.build_vocab_from_freq(counts, corpus_count=counted.corpus_count)
    return empty


def gensim_train(
    corpus, dim, epochs, threads, seed, output, model="sg-ns", alpha=0.025, lines=False, shuffled=False
):
    """gensim's Word2Vec or FastText, from `corpus_file`; or, much slower with several threads, from an iterable."""
    from gensim.models import FastText, Word2Vec
    from gensim.models.word2vec import LineSentence

    text = {"corpus_iterable": LineSentence(corpus)} if lines else {"corpus_file": corpus}
    kind = FastText if model.endswith("subwords") else Word2Vec
    options = options_of(dim, epochs, threads, seed, alpha, model)
    trained = kind(**options)
    marks = [time.perf_counter()]
    trained.build_vocab(**text)
    sizes = {"total_words": trained.corpus_total_words, "total_examples": trained.corpus_count}
    if shuffled:
        trained = with_shuffled_ties(trained, kind(**options), seed)
    marks.append(time.perf_counter())
    trained.train(**text, **sizes, epochs=epochs)
    marks.append(time.perf_counter())
    if output.endswith(".npz"):
        save_with_misspelt(output, trained.wv.index_to_key, trained.wv.vectors, trained.wv.__getitem__)
    else:
        trained.wv.save_word2vec_format(output, binary=True)
    return {"vocab": marks[1] - marks[0], "train": marks[2] - marks[1], "words": len(trained.wv)}


def fastvec_train(
    corpus, dim, epochs, threads, seed, output, model="sg-ns", alpha=0.025, shuffled=False, hs_tree="spelling"
):
    """The same in fastvec, from text to a saved file."""
    import fastvec

    kind = fastvec.FastText if model.endswith("subwords") else fastvec.Word2Vec
    options = options_of(dim, epochs, threads, seed, alpha, model) | {"hs_tree": hs_tree}
    begun = time.perf_counter()
    if shuffled:
        counted = kind(**options)
        counted.build_vocab(corpus_file=corpus)
        trained = with_shuffled_ties(counted, kind(**options), seed)
        trained.train(
            corpus_file=corpus,
            total_words=counted.corpus_total_words,
            total_examples=counted.corpus_count,
            epochs=epochs,
        )
    else:
        trained = kind(corpus_file=corpus, **options)
    whole = time.perf_counter() - begun
    if output.endswith(".npz"):
        save_with_misspelt(output, trained.wv.index_to_key, trained.wv.vectors, trained.wv.__getitem__)
    elif output.endswith(".bin"):
        trained.wv.save_word2vec_format(output, binary=True)
    else:
        trained.wv.save(output)
    train = trained.total_train_time
    return {
        "read and encode": whole - train,
        "train": train,
        "text to model": whole,
        "words": len(trained.wv),
    }


def fasttext_train(corpus, dim, epochs, threads, seed, output, model="sg-subwords", alpha=0.025):
    """The `fasttext` package, with gensim's defaults; it has no seed, and tells no time of its parts."""
    import fasttext
    import numpy as np

    begun = time.perf_counter()
    trained = fasttext.train_unsupervised(
        corpus,
        model="skipgram" if model.startswith("sg") else "cbow",
        dim=dim,
        epoch=epochs,
        thread=threads,
        lr=alpha,
        t=1e-3,
        verbose=0,
    )
    whole = time.perf_counter() - begun
    words = [word for word in trained.get_words() if word != "</s>"]
    vectors = np.array([trained.get_word_vector(word) for word in words], np.float32)
    if output.endswith(".npz"):
        save_with_misspelt(output, words, vectors, trained.get_word_vector)
    else:
        from fastvec import KeyedVectors
        from fastvec.words import WordTable

        KeyedVectors._from_parts(WordTable.from_words(words), vectors).save_word2vec_format(
            output, binary=True
        )
    return {"text to model": whole, "words": len(words)}


def misspelt(words, n=2000, least=6):
    """Wrong spellings of `n` frequent words: two neighbouring letters change places. None is a word itself."""
    known, found = set(words), {}
    for i, word in enumerate(words):
        at = 1 + i % max(1, len(word) - 2)
        wrong = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
        if len(word) >= least and wrong not in known:
            found[wrong] = word
        if len(found) == n:
            break
    return found


def save_with_misspelt(output, words, vectors, vector_of):
    """Keep the vectors of the vocabulary and of wrong spellings, for bench/subwords.py."""
    import numpy as np

    pairs = misspelt(list(words))
    np.savez(
        output,
        words=np.array(list(words)),
        vectors=np.asarray(vectors, np.float32),
        wrong=np.array(list(pairs)),
        right=np.array(list(pairs.values())),
        wrong_vectors=np.array([vector_of(w) for w in pairs], np.float32),
    )


def fastvec_vocab(corpus, threads):
    """Counting alone; the least of three times, as gensim's figure comes from a warm file cache too."""
    from fastvec import Vocab

    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        vocab = Vocab.from_source(corpus, workers=threads)
        seconds.append(time.perf_counter() - begun)
    return {"vocab": min(seconds), "words": len(vocab)}


def gensim_phrases(corpus, lines):
    """gensim's Phrases of a text: count, export; joining of its first sentences, and counting of these as lists."""
    from gensim.models.phrases import Phrases
    from gensim.models.word2vec import LineSentence

    return phrases(Phrases, LineSentence(corpus), lines)


def fastvec_phrases(corpus, lines, threads):
    """The same in fastvec."""
    from functools import partial

    from fastvec import LineSentence, Phrases

    return phrases(partial(Phrases, workers=threads), LineSentence(corpus), lines)


def phrases(make, corpus, lines):
    """Time a class of phrases."""
    from itertools import islice, pairwise

    marks = [time.perf_counter()]
    model = make(corpus)
    marks.append(time.perf_counter())
    found = model.export_phrases()
    marks.append(time.perf_counter())
    sentences = list(islice(corpus, lines))
    frozen = model.freeze()
    list(frozen[sentences[:1]])
    marks.append(time.perf_counter())
    for _ in frozen[sentences]:
        pass
    marks.append(time.perf_counter())
    make(sentences)
    marks.append(time.perf_counter())
    count, export, _, join, lists = (b - a for a, b in pairwise(marks))
    return {
        "count": count,
        "count and export": count + export,
        "join": join,
        "count lists": lists,
        "phrases": len(found),
    }


def fastvec_join(corpus, threads):
    """Joining a whole text, file to file."""
    import tempfile

    from fastvec import Phrases
    from fastvec.phrase_text import write_joined

    frozen = Phrases(corpus, workers=threads).freeze()
    with tempfile.TemporaryFile() as file:
        begun = time.perf_counter()
        write_joined(frozen, corpus, file, threads)
        return {"join": time.perf_counter() - begun}


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


def fastvec_load(path, binary):
    """Read a file of the word2vec program; its size and the peak of memory, beside what the imports take."""
    from fastvec import KeyedVectors
    from fastvec.formats import word2vec  # noqa: F401

    return timed_load(KeyedVectors, path, binary)


def gensim_load(path, binary):
    """The same in gensim."""
    from gensim.models import KeyedVectors

    return timed_load(KeyedVectors, path, binary)


def timed_load(kind, path, binary):
    """Time `load_word2vec_format`.

    A process before it uses as much memory as the file is long, and gives it back: on a virtual machine the first use
    of a page may take longer than all else, for whoever comes first.
    """
    import os
    import subprocess

    subprocess.run([sys.executable, "-c", f"bytes(1) * {os.path.getsize(path) * 5 // 4}"], check=True)
    before = resident()
    begun = time.perf_counter()
    kind.load_word2vec_format(path, binary=binary)
    seconds = time.perf_counter() - begun
    peak = resident("VmHWM") - before
    size = os.path.getsize(path) / 1e6
    return {"load": seconds, "MB/s": size / seconds, "peak / file": peak / size}


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


def resident(what="VmRSS"):
    """Resident memory of this process, in MB; with "VmHWM" the most it had. (ru_maxrss begins at its parent's.)"""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1.024e-3 for line in file if line.startswith(what))


if __name__ == "__main__":
    job, options = sys.argv[1], json.loads(sys.argv[2])
    result = globals()[job](**options)
    result["peak MB"] = resident("VmHWM")
    print(json.dumps(result))
