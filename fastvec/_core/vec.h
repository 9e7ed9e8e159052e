/* The block step: the one arithmetic of every model.
 *
 *     X: m rows    Y: n rows    L: n x m labels    W: n x m weights
 *     S = Y X^T      G = min(alpha W, bound) o (L - sigmoid(S))      X += G^T Y      Y_new += G X_old
 *
 * The rows of X differ from each other, and so do those of Y: a row that is wanted twice is one row whose weights
 * add up, so no update is lost. Rows are given by pointers and have `width` floats, a multiple of every VF_WIDTH, zero
 * beyond the vectors' own size. W, L, S and G lie row of Y by row of Y, FV_MAX_ROWS floats apart.
 *
 * Y_new is Y, or rows apart that gather the gradient of a Y that is made of other rows (means of contexts, of subwords).
 * So a model whose input side is words in place has them as X and the output side as Y; a model whose input side
 * is a few rows made of others has these as Y, few, and the output side as X.
 *
 * Own (`own` is n, Y_new apart): row i < n of X has a pair with row i of Y alone, as CBOW's targets have with the means of
 * their contexts. These pairs are computed by themselves, and weights of the others there must be 0. Rows ahead are not
 * fetched then, but for a single row of Y.
 *
 * In order (`products` is given): the rows of Y meet X one after the other, as word2vec.c has it, but X is read and
 * written once. Row j meets rows X that the rows k < j have changed, X + sum over k of g_k y_k:
 *
 *     s(S_j) += s'(S_j) sum over k < j of (y_j . y_k) g_k        Y_new,j += sum over k < j of (g_j . g_k) Y_k
 *
 * which needs but the products of the rows of Y and of those of G. (To the second order in alpha: the sigmoid s follows its
 * slope, as far as 0 or 1, so that no row waits for another's sigmoid; and the second sum takes Y_k as it is then.)
 *
 * The bound is for pairs that repeat many times in a block, and for high learning rates: one after the other the pairs
 * would converge, taken at once they overshoot (fv_bound).
 *
 *   scores    tiles of VF_ROWS x VF_COLUMNS accumulators: each loaded row is used VF_COLUMNS or VF_ROWS times
 *   update    for each register-wide strip of the rows: up to VF_UPDATE rows of Y, old and new, stay in registers
 *             while the rows of X pass by; both products share the loads of G and X
 *
 * X stays old until the last row of Y: where n > VF_UPDATE, the gradient of X is gathered in `dx` first. The loads that
 * the next block will wait for are issued between the products. */
#ifndef FASTVEC_VEC_H
#define FASTVEC_VEC_H

#include <math.h>

#include "simd.h"

enum {
    FV_MAX_ROWS = 16,  /* input rows of a block */
    FV_ROW_ALIGN = 16, /* floats that a row's stride is a multiple of */
    FV_IN_ORDER = 6,   /* rows of Y of a block in order: no more than any VF_UPDATE */
    FV_PAIRS = (FV_IN_ORDER * (FV_IN_ORDER - 1) / 2 + 3) / 4 * 4, /* pairs of these, rounded up to a multiple of four */
    FV_ROW_STRIPS = 7, /* registers of a single row, old and new, that the register file holds: 16 with two to work in */
    FV_GROUP = 4       /* centres that share a block, at most; so many input rows are new to the next one */
};

#define FV_PAIR(j, k) ((j) * ((j) - 1) / 2 + (k)) /* the place of a pair of rows, k < j */

typedef struct {
    float *const *x;      /* m rows, m <= FV_MAX_ROWS */
    float *const *y;      /* n rows */
    float *const *y_new;  /* n rows: Y; or others, n <= FV_GROUP */
    const float *label;   /* 1 or 0; or between, of pairs that are some of this and some of that */
    int64_t label_step;   /* from the labels of a row of Y to those of the next: FV_MAX_ROWS, or 0: the same; in order 0 */
    const float *weight;  /* n x FV_MAX_ROWS */
    float alpha, bound;
    float *g;             /* scratch: n x FV_MAX_ROWS */
    float *products;      /* in order: scratch, FV_PAIRS; n <= FV_IN_ORDER, weights beyond m are 0 */
    float *dx;            /* scratch: FV_MAX_ROWS * width */
    int64_t width;
    int m, n;
    int own;              /* see above: 0, or n */
    float *const *ahead;  /* rows that the next block will want: n; or m, where Y_new is apart */
    float *const *newest; /* FV_GROUP rows of words that a later block will want; n, where Y_new is apart; 1, in order */
} fv_block;

/* The greatest step of one pair among `rows` rows of the input side. At a learning rate of 0.025 and ten rows, a weight
 * of 4 reaches it. */
static FV_INLINE float fv_bound(int rows) { return rows > 4 ? 1.0f / (float)rows : 0.25f; }

static FV_INLINE void fv_score_tile(const int rows, const int columns, float *const *x, float *const *y,
                                    int64_t width, float *s) {
    vf acc[VF_ROWS][VF_COLUMNS];
    int i, j;
    int64_t d;
    FV_UNROLL for (i = 0; i < VF_ROWS; i++)
        FV_UNROLL for (j = 0; j < VF_COLUMNS; j++) acc[i][j] = vf_set1(0.0f);
    for (d = 0; d < width; d += VF_WIDTH) {
        vf b[VF_COLUMNS];
        FV_UNROLL for (j = 0; j < columns; j++) b[j] = vf_load(y[j] + d);
        FV_UNROLL for (i = 0; i < rows; i++) {
            vf a = vf_load(x[i] + d);
            FV_UNROLL for (j = 0; j < columns; j++) acc[i][j] = vf_fma(a, b[j], acc[i][j]);
        }
    }
    FV_UNROLL for (j = 0; j < columns; j++) vf_sum4(acc[0][j], acc[1][j], acc[2][j], acc[3][j], s + j * FV_MAX_ROWS);
}

/* The products of `rows` rows with n others, in tiles of about as many columns. */
static FV_INLINE void fv_score_tiles(const int rows, const int n, float *const *x, float *const *y, int64_t width,
                                     float *s) {
    const int tiles = (n + VF_COLUMNS - 1) / VF_COLUMNS;
    int t;
    FV_UNROLL for (t = 0; t < tiles; t++) {
        const int j = n * t / tiles;
        fv_score_tile(rows, n * (t + 1) / tiles - j, x, y + j, width, s + j * FV_MAX_ROWS);
    }
}

/* The products of m rows with n others, n fixed at compile time; those of x[i] with y[j] go to s[j * FV_MAX_ROWS + i]. */
static FV_INLINE void fv_products_with(const int n, float *const *x, int m, float *const *y, int64_t width, float *s) {
    int i;
    for (i = 0; i < m; i += VF_ROWS)
        switch (m - i) {
        case 1: fv_score_tiles(1, n, x + i, y, width, s + i); break;
        case 2: fv_score_tiles(2, n, x + i, y, width, s + i); break;
        case 3: fv_score_tiles(3, n, x + i, y, width, s + i); break;
        default: fv_score_tiles(4, n, x + i, y, width, s + i); break;
        }
}

/* The same for any n. */
static FV_INLINE void fv_products(float *const *x, int m, float *const *y, int n, int64_t width, float *s) {
    int j, columns, tiles = (n + VF_COLUMNS - 1) / VF_COLUMNS;
    for (j = 0; j < n; j += columns, tiles--) {
        columns = (n - j + tiles - 1) / tiles;
        switch (columns) {
#define FV_CASE(c) \
        case c: if (c <= VF_COLUMNS) fv_products_with(c, x, m, y + j, width, s + j * FV_MAX_ROWS); break;
            FV_CASES_6(FV_CASE)
#undef FV_CASE
        }
    }
}

/* The products of each pair of n rows: of k with j > k, to s[FV_PAIR(j, k)]. */
static FV_INLINE void fv_products_of_pairs(const int n, float *const *y, int64_t width, float *s) {
    vf acc[FV_PAIRS];
    int64_t d;
    int j, k;
    FV_UNROLL for (k = 0; k < FV_PAIRS; k++) acc[k] = vf_set1(0.0f);
    for (d = 0; d < width; d += VF_WIDTH)
        FV_UNROLL for (j = 1; j < n; j++) {
            const vf a = vf_load(y[j] + d);
            FV_UNROLL for (k = 0; k < j; k++) acc[FV_PAIR(j, k)] = vf_fma(a, vf_load(y[k] + d), acc[FV_PAIR(j, k)]);
        }
    FV_UNROLL for (k = 0; k < FV_PAIR(n, 0); k += 4) vf_sum4(acc[k], acc[k + 1], acc[k + 2], acc[k + 3], s + k);
}

/* The products of each of `own` rows with the one of its number; those with the other rows are not needed. */
static FV_INLINE void fv_own_scores(const fv_block *b) {
    vf sum[FV_GROUP];
    float dots[4];
    int64_t d;
    int i, j;
    FV_UNROLL for (j = 0; j < FV_GROUP; j++) sum[j] = vf_set1(0.0f);
    for (j = 0; j < b->own; j++) {
        vf s = vf_set1(0.0f);
        for (d = 0; d < b->width; d += VF_WIDTH) s = vf_fma(vf_load(b->x[j] + d), vf_load(b->y[j] + d), s);
        sum[j] = s;
    }
    vf_sum4(sum[0], sum[1], sum[2], sum[3], dots);
    for (j = 0; j < b->own; j++)
        for (i = 0; i < b->own; i++) b->g[j * FV_MAX_ROWS + i] = i == j ? dots[j] : 0.0f;
}

static void fv_scores(const fv_block *b) {
    fv_products(b->x + b->own, b->m - b->own, b->y, b->n, b->width, b->g + b->own);
    if (b->own) fv_own_scores(b); /* afterwards: a tile may have written into the next line, as far as these lie */
}

/* S -> G in place. */
static FV_INLINE void fv_gradient(const fv_block *b) {
    float *g = b->g;
    const float *weight = b->weight, *label = b->label;
    const int64_t m = b->m, n = b->n;
    const vf alpha = vf_set1(b->alpha), bound = vf_set1(b->bound);
    int64_t i, j;
    for (j = 0; j < n; j++, g += FV_MAX_ROWS, weight += FV_MAX_ROWS, label += b->label_step)
        for (i = 0; i < m; i += VF_WIDTH) {
            vf scale = vf_min(vf_mul(alpha, vf_load(weight + i)), bound);
            vf_store(g + i, vf_mul(scale, vf_sub(vf_load(label + i), vf_sigmoid(vf_load(g + i)))));
        }
}

/* The same in order: sigmoids of the scores with X as it was, which wait for nothing, and their slopes for the rest. */
static FV_INLINE void fv_gradient_in_order(const int n, const fv_block *b) {
    const vf alpha = vf_set1(b->alpha), bound = vf_set1(b->bound), none = vf_set1(0.0f), one = vf_set1(1.0f);
    const int64_t m = b->m;
    int64_t i;
    int j, k;
    for (i = 0; i < m; i += VF_WIDTH) {
        const vf label = vf_load(b->label + i);
        vf done[FV_IN_ORDER];
        FV_UNROLL for (j = 0; j < n; j++) {
            float *const g = b->g + j * FV_MAX_ROWS + i;
            vf old, slope, change = none, scale;
            scale = vf_min(vf_mul(alpha, vf_load(b->weight + j * FV_MAX_ROWS + i)), bound);
            old = vf_sigmoid(vf_load(g));
            slope = vf_mul(old, vf_sub(one, old));
            FV_UNROLL for (k = 0; k < j; k++) change = vf_fma(vf_set1(b->products[FV_PAIR(j, k)]), done[k], change);
            done[j] = vf_mul(scale, vf_sub(label, vf_max(none, vf_min(one, vf_fma(slope, change, old)))));
            vf_store(g, done[j]);
        }
    }
}

/* Fields and pointers are copied to locals: a vector store may alias them, and the compiler would load them again.
 * Both products for `columns` rows of Y from `j0` on. The gradient of X gathers in `dx` from the first tile to the
 * last, which adds it to X. `apart`: Y_new is not Y. `own` and `in_order`: as above; what rows of Y get in order are the
 * rows before them with their factors, which then stand in `products`. */
static FV_INLINE void fv_update_tile(const int columns, const int first, const int last, const int apart, const int own,
                                     const int in_order, const fv_block *b, int j0) {
    const int entering = apart ? columns : in_order ? 1 : FV_GROUP;
    float *const *x = b->x, *const *y = b->y + j0, *const *y_new = b->y_new + j0;
    float *const *ahead = apart ? b->ahead : b->ahead + j0, *const *newest = b->newest;
    float *const dx0 = b->dx;
    const float *const g0 = b->g + j0 * FV_MAX_ROWS, *const products = b->products;
    const int64_t width = b->width, m = b->m;
    int64_t d, i;
    int j, k;
    for (d = 0; d < width; d += VF_WIDTH) {
        vf old[VF_UPDATE], now[VF_UPDATE];
        const float *gi = g0;
        float *gathered = dx0 + d;
        FV_UNROLL for (j = 0; j < columns; j++) {
            old[j] = vf_load(y[j] + d);
            now[j] = apart ? vf_load(y_new[j] + d) : old[j];
        }
        if (d % FV_ROW_ALIGN == 0) { /* a cache line */
            FV_UNROLL for (j = 0; j < columns; j++) if (!apart && !in_order) FV_PREFETCH_OWN(ahead[j] + d);
            FV_UNROLL for (j = 0; j < entering; j++) if (last) FV_PREFETCH_OWN(newest[j] + d);
        }
        FV_UNROLL for (j = 0; own && j < columns; j++) {
            const vf xv = vf_load(x[j] + d), g = vf_set1(gi[j * FV_MAX_ROWS + j]);
            now[j] = vf_fma(g, xv, now[j]);
            vf_store(x[j] + d, vf_fma(g, old[j], xv));
        }
        for (i = own ? columns : 0, gi += i; i < m; i++, gi++, gathered += width) {
            float *const xi = x[i] + d;
            vf xv = vf_load(xi);
            if (apart && !own && d % FV_ROW_ALIGN == 0) FV_PREFETCH_OWN(ahead[i] + d);
            vf dx = last ? (first ? xv : vf_add(xv, vf_load(gathered))) : (first ? vf_set1(0.0f) : vf_load(gathered));
            FV_UNROLL for (j = 0; j < columns; j++) {
                vf g = vf_set1(gi[j * FV_MAX_ROWS]);
                dx = vf_fma(g, old[j], dx);
                now[j] = vf_fma(g, xv, now[j]);
            }
            vf_store(last ? xi : gathered, dx);
        }
        FV_UNROLL for (j = 0; j < columns; j++) {
            FV_UNROLL for (k = 0; in_order && k < j; k++)
                now[j] = vf_fma(vf_set1(products[FV_PAIR(j, k)]), now[k], now[j]);
            vf_store((apart ? y_new[j] : y[j]) + d, now[j]);
        }
    }
}

/* The same for a single row of Y, whose additions each wait for the one before: `strips` registers of it at once. */
static FV_INLINE void fv_update_strips(const int strips, const fv_block *b, int64_t d0) {
    float *const *x = b->x, *const *ahead = b->ahead;
    float *const y_new = b->y_new[0] + d0, *const newest = b->newest[0] + d0;
    const float *const y = b->y[0] + d0, *const g = b->g;
    const int64_t m = b->m, line = FV_ROW_ALIGN - VF_WIDTH; /* strips may begin within one: the next that begins */
    vf old[FV_ROW_STRIPS], now[FV_ROW_STRIPS];
    int64_t i;
    int k;
    FV_UNROLL for (k = 0; k < strips; k++) {
        old[k] = vf_load(y + k * VF_WIDTH);
        now[k] = vf_load(y_new + k * VF_WIDTH);
        if (k * VF_WIDTH % FV_ROW_ALIGN == 0) FV_PREFETCH_OWN(newest + k * VF_WIDTH + line);
    }
    for (i = 0; i < m; i++) {
        float *const xi = x[i] + d0, *const next = ahead[i] + d0;
        const vf gi = vf_set1(g[i]);
        FV_UNROLL for (k = 0; k < strips; k++) {
            const vf xv = vf_load(xi + k * VF_WIDTH);
            if (k * VF_WIDTH % FV_ROW_ALIGN == 0) FV_PREFETCH_OWN(next + k * VF_WIDTH + line);
            vf_store(xi + k * VF_WIDTH, vf_fma(gi, old[k], xv));
            now[k] = vf_fma(gi, xv, now[k]);
        }
    }
    FV_UNROLL for (k = 0; k < strips; k++) vf_store(y_new + k * VF_WIDTH, now[k]);
}

static FV_INLINE void fv_update_row(const fv_block *b) {
    int64_t d = 0;
    for (; d + FV_ROW_STRIPS * VF_WIDTH <= b->width; d += FV_ROW_STRIPS * VF_WIDTH) fv_update_strips(FV_ROW_STRIPS, b, d);
    switch ((b->width - d) / VF_WIDTH) {
#define FV_CASE(k) case k: fv_update_strips(k, b, d); break;
        FV_CASES_6(FV_CASE)
#undef FV_CASE
    }
}

static FV_INLINE void fv_update_columns(int columns, const int first, const int last, const fv_block *b, int j0) {
    switch (columns) {
#define FV_CASE(c) case c: fv_update_tile(c <= VF_UPDATE ? c : 1, first, last, 0, 0, 0, b, j0); break;
        FV_CASES_14(FV_CASE)
#undef FV_CASE
    }
}

static FV_INLINE void fv_update_apart(const int columns, const fv_block *b) {
    if (b->own)
        fv_update_tile(columns, 1, 1, 1, 1, 0, b, 0);
    else
        fv_update_tile(columns, 1, 1, 1, 0, 0, b, 0);
}

static FV_INLINE void fv_update(const fv_block *b) {
    int j, columns, tiles = (b->n + VF_UPDATE - 1) / VF_UPDATE, tile;
    if (tiles == 1) {
        fv_update_columns(b->n, 1, 1, b, 0);
        return;
    }
    for (j = tile = 0; tile < tiles; j += columns, tile++) {
        columns = (b->n - j + tiles - tile - 1) / (tiles - tile); /* even shares */
        if (tile == 0)
            fv_update_columns(columns, 1, 0, b, j);
        else if (tile < tiles - 1)
            fv_update_columns(columns, 0, 0, b, j);
        else
            fv_update_columns(columns, 0, 1, b, j);
    }
}

static FV_INLINE void fv_step_of_rows_in_order(const int n, const fv_block *b) {
    const int lanes = (b->m + VF_WIDTH - 1) / VF_WIDTH * VF_WIDTH;
    float *g[FV_IN_ORDER];
    int i, j;
    FV_UNROLL for (j = 0; j < n; j++) g[j] = b->g + j * FV_MAX_ROWS;
    fv_products_with(n, b->x, b->m, b->y, b->width, b->g);
    for (i = (b->m + VF_ROWS - 1) / VF_ROWS * VF_ROWS; i < lanes; i += VF_ROWS) /* no NaN of an earlier block */
        FV_UNROLL for (j = 0; j < n; j++) memset(g[j] + i, 0, VF_ROWS * sizeof(float));
    fv_products_of_pairs(n, b->y, b->width, b->products);
    fv_gradient_in_order(n, b);
    fv_products_of_pairs(n, g, lanes, b->products);
    fv_update_tile(n, 1, 1, 0, 0, 1, b, 0);
}

static void fv_step_in_order(const fv_block *b) {
    switch (b->n) {
    case 1: fv_step_of_rows_in_order(1, b); break;
    case 2: fv_step_of_rows_in_order(2, b); break;
    case 3: fv_step_of_rows_in_order(3, b); break;
    case 4: fv_step_of_rows_in_order(4, b); break;
    case 5: fv_step_of_rows_in_order(5, b); break;
    default: fv_step_of_rows_in_order(FV_IN_ORDER, b); break;
    }
}

static void fv_block_step(const fv_block *b) {
    fv_scores(b);
    fv_gradient(b);
    if (b->y_new == b->y) {
        fv_update(b);
        return;
    }
    switch (b->n) {
    case 1: fv_update_row(b); break;
    case 2: fv_update_apart(2, b); break;
    case 3: fv_update_apart(3, b); break;
    default: fv_update_apart(FV_GROUP, b); break;
    }
}

/* The loss of the rows as they are: the sum over all pairs of W times -log s(S) or -log(1 - s(S)), s the sigmoid. */
static double fv_block_loss(const fv_block *b) {
    double loss = 0.0;
    int i, j;
    fv_scores(b);
    for (j = 0; j < b->n; j++)
        for (i = 0; i < b->m; i++) {
            const float score = b->g[j * FV_MAX_ROWS + i];
            const float label = b->label[j * b->label_step + i], size = fabsf(score); /* s(-S) = 1 - s(S) */
            const float miss = score > 0.0f ? 1.0f - label : label;
            loss += b->weight[j * FV_MAX_ROWS + i] * (miss * size + log1pf(expf(-size)));
        }
    return loss;
}

/* Weights in order: each row of Y meets those of X as often as it counts times as they count. */
static FV_INLINE void fv_weigh_in_order(float *weight, int n, const float *of_y, const float *of_x) {
    int i, j;
    for (i = 0; i < FV_MAX_ROWS; i += VF_WIDTH) {
        const vf count = vf_load(of_x + i);
        for (j = 0; j < n; j++) vf_store(weight + j * FV_MAX_ROWS + i, vf_mul(vf_set1(of_y[j]), count));
    }
}

/* Weights where the input side is X: those of the rows of noise and nodes are count[j] times the pairs that each row of X
 * has with the targets, which stand first. */
static FV_INLINE void fv_weigh_others(float *weight, int positive, int n, const float *count) {
    int i, j;
    for (i = 0; i < FV_MAX_ROWS; i += VF_WIDTH) {
        vf pairs = vf_load(weight + i);
        for (j = 1; j < positive; j++) pairs = vf_add(pairs, vf_load(weight + j * FV_MAX_ROWS + i));
        for (j = positive; j < n; j++) vf_store(weight + j * FV_MAX_ROWS + i, vf_mul(vf_set1(count[j]), pairs));
    }
}

#endif
