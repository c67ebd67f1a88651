/* built: float double. Data sets, batches, generators (@impl-data) and the readers (@impl-readers). */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"

#ifndef DATA
#define DATA "examples/data/mnist"
#endif

/* ---- Sets made from arrays ---- */

static const dc_real data_x[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
static const dc_real data_labels[] = { 0, 1, 1, 1, 2, 1 };

/* Six samples [2k, 2k + 1] with labels 0 1 1 1 2 1. */
static dc_dataset *data_six(dc_context *ctx)
{
    return dc_from_arrays(ctx, 6, DC_SHAPE(2), data_x, DC_SCALAR, data_labels, 3);
}

/* The whole set as one batch, in order. */
static dc_batch data_all(dc_dataset *d)
{
    dc_batch b = { 0 };
    dc_next(dc_batches(d, dc_count(d), false), &b);
    return b;
}

/* "0 4 2": the first features of all samples. */
static const char *data_order(dc_dataset *d)
{
    static char text[4096];
    dc_batch b = data_all(d);
    size_t n = 0;
    text[0] = 0;
    for (int64_t i = 0; i < b.size && n < sizeof text - 32; i++)
        n += (size_t)snprintf(text + n, 32, "%s%g", i ? " " : "",
                              (double)b.x->data[i * b.x->size / b.size]);
    return text;
}

#define DATA_ORDER(set, expected) \
    check__that(!strcmp(data_order(set), expected), __FILE__, __LINE__, "order is %s", data_order(set))

TEST(data_from_arrays)
{
    dc_context *ctx = dc_new(1);
    dc_dataset *d = data_six(ctx);
    CHECK(dc_count(d) == 6 && dc_classes(d) == 3);
    CHECK(dc_x_shape(d).rank == 1 && dc_x_shape(d).dim[0] == 2 && dc_y_shape(d).rank == 0);
    CHECK(!dc_class_name(d, 0) && !dc_feature_name(d, 0));
    dc_batch b = data_all(d);
    CHECK(b.size == 6 && b.x->shape.rank == 2 && b.y->shape.rank == 1 && b.x->size == 12);
    CHECK(!memcmp(b.x->data, data_x, sizeof data_x) && !memcmp(b.y->data, data_labels, sizeof data_labels));

    dc_dataset *q = dc_from_arrays(ctx, 4, DC_SHAPE(3), data_x, DC_SHAPE(1, 2), data_x, 0);
    b = data_all(q);
    CHECK(b.y->shape.rank == 3 && b.y->shape.dim[0] == 4 && b.y->shape.dim[2] == 2);
    CHECK(b.y->data[7] == 7 && dc_classes(q) == 0);

    dc_dataset *own = dc_from_arrays(ctx, 6, DC_SHAPE(2), data_x, DC_SCALAR, NULL, 0);
    b = data_all(own);
    CHECK(b.y->shape.rank == 2 && !memcmp(b.y->data, data_x, sizeof data_x));
    dc_free(ctx);
}

TEST(data_from_arrays_refuses)
{
    dc_context *ctx = dc_new(1);
    dc_real bad[] = { 0, 3, 1 };
    const dc_shape two = DC_SHAPE(2), none = DC_SCALAR;
#define DATA_MAKE(n, xs, ys, y, c) dc_from_arrays(ctx, n, xs, data_x, ys, y, c)
    EXPECT_FAIL(ctx, DATA_MAKE(3, two, none, bad, 3),
                "the label of sample 1 is 3; labels are whole numbers from 0 to 2");
    bad[1] = (dc_real)NAN;
    EXPECT_FAIL(ctx, DATA_MAKE(3, two, none, bad, 3), "the label of sample 1 is nan");
    bad[1] = DC__C(0.5);
    EXPECT_FAIL(ctx, DATA_MAKE(3, two, none, bad, 3), "the label of sample 1 is 0.5");
    bad[1] = -1;
    EXPECT_FAIL(ctx, DATA_MAKE(3, two, none, bad, 3), "the label of sample 1 is -1");
    EXPECT_FAIL(ctx, DATA_MAKE(0, two, none, bad, 3), "dc_from_arrays: 0 samples; there must be 1 to 4294967295");
    EXPECT_FAIL(ctx, DATA_MAKE(-1, two, none, bad, 3), "-1 samples");
    EXPECT_FAIL(ctx, DATA_MAKE(3, two, none, bad, -2), "-2 classes; there may be 0");
    EXPECT_FAIL(ctx, DATA_MAKE(3, two, two, bad, 2),
                "with classes, y is one class number a sample (DC_SCALAR), but its shape is [2]");
    EXPECT_FAIL(ctx, DATA_MAKE(3, two, none, NULL, 2), "x is its own target, which has no classes");
    EXPECT_FAIL(ctx, DATA_MAKE(3, DC_SHAPE(2, 0), none, bad, 2), "3 samples of shape [2, 0]; sizes are 1 or more");
    EXPECT_FAIL(ctx, DATA_MAKE(3, DC_SHAPE(INT64_MAX, 2), none, bad, 2),
                "sizes are 1 or more, and all samples must fit into memory");
    EXPECT_FAIL(ctx, DATA_MAKE(1 << 30, DC_SHAPE(1 << 30), none, bad, 2),
                "1073741824 samples of shape [1073741824]; sizes are 1 or more, and all samples must fit into "
                "memory");
    EXPECT_FAIL(ctx, DATA_MAKE(3, DC_SHAPE(1, 1, 1, 1, 1, 1), none, bad, 2), "a sample has 0 to 5 axes, not 6");
    dc_free(ctx);
}

TEST(data_from_bytes_is_exact)
{
    dc_context *ctx = dc_new(1);
    uint8_t x[256], labels[64];
    for (int i = 0; i < 256; i++) x[i] = (uint8_t)i;
    for (int i = 0; i < 64; i++) labels[i] = (uint8_t)(i % 3);
    dc_dataset *d = dc_from_bytes(ctx, 64, DC_SHAPE(2, 2), x, labels, 3);
    dc_batch b = data_all(d);
    int wrong = 0;
    for (int i = 0; i < 256; i++) wrong += b.x->data[i] != (dc_real)(i / 255.0);
    CHECK(wrong == 0);
    CHECK(b.y->data[5] == 2 && b.y->shape.rank == 1);

    d = dc_from_bytes(ctx, 8, DC_SHAPE(32), x, NULL, 0);
    b = data_all(d);
    CHECK(b.y->shape.rank == 2 && b.y->data[255] == 1 && !memcmp(b.x->data, b.y->data, 256 * sizeof(dc_real)));

    EXPECT_FAIL(ctx, dc_from_bytes(ctx, 64, DC_SHAPE(4), x, labels, 2),
                "the label of sample 2 is 2; labels are whole numbers from 0 to 1");
    EXPECT_FAIL(ctx, dc_from_bytes(ctx, 64, DC_SHAPE(4), x, labels, 0), "0 classes but labels");
    EXPECT_FAIL(ctx, dc_from_bytes(ctx, 64, DC_SHAPE(4), x, NULL, 5), "5 classes without labels");
    dc_free(ctx);
}

static bool data_fetch(int64_t row, dc_real *x, dc_real *y, void *user)
{
    const int64_t *fails_at = user;
    if (row == fails_at[0]) return false;
    x[0] = (dc_real)row, x[1] = (dc_real)-row;
    y[0] = row == fails_at[1] ? 7 : (dc_real)(row % 3);
    return true;
}

TEST(data_stream)
{
    dc_context *ctx = dc_new(1);
    int64_t fails_at[2] = { -1, -1 };
    dc_dataset *d = dc_stream(ctx, 10, DC_SHAPE(2), DC_SCALAR, 3, data_fetch, fails_at);
    DATA_ORDER(dc_take(d, 4, 8), "4 5 6 7");
    DATA_ORDER(dc_pick(dc_take(d, 4, 8), 2, (int64_t[]){ 3, 0 }), "7 4");
    int64_t counts[3];
    dc_class_counts(d, counts);
    CHECK(counts[0] == 4 && counts[1] == 3 && counts[2] == 3);

    dc_loader *l = dc_batches(d, 4, false);
    dc_batch b;
    int batches = 0;
    fails_at[0] = 9;
    while (dc_next(l, &b)) batches++;
    CHECK(batches == 2);
    CHECK_TEXT(dc_error(ctx), "dc_stream: fetch failed at row 9");
    fails_at[0] = -1;
    for (batches = 0; dc_next(l, &b); batches++) CHECK(b.rows[0] == 4 * batches);
    CHECK(batches == 3 && b.size == 2 && !dc_error(ctx)[0]);

    fails_at[1] = 2;
    CHECK(!dc_next(dc_batches(d, 4, false), &b));
    CHECK_TEXT(dc_error(ctx), "dc_stream: the label of sample 2 is 7; labels are whole numbers from 0 to 2");
    EXPECT_FAIL(ctx, dc_class_counts(d, counts), "dc_class_counts: dc_stream: the label of sample 2 is 7");
    EXPECT_FAIL(ctx, dc_stream(ctx, 1, DC_SHAPE(2), DC_SCALAR, 0, NULL, NULL), "fetch is NULL");
    dc_free(ctx);
}

/* ---- Sets from sets ---- */

TEST(data_take_and_pick)
{
    dc_context *ctx = dc_new(1);
    dc_dataset *d = data_six(ctx);
    DATA_ORDER(d, "0 2 4 6 8 10");
    dc_dataset *t = dc_take(d, 1, 5);
    DATA_ORDER(t, "2 4 6 8");
    DATA_ORDER(dc_take(t, 1, 3), "4 6");
    dc_dataset *p = dc_pick(t, 5, (int64_t[]){ 3, 3, 0, 1, 2 });
    DATA_ORDER(p, "8 8 2 4 6");
    DATA_ORDER(dc_take(p, 2, 5), "2 4 6");
    DATA_ORDER(dc_pick(p, 2, (int64_t[]){ 4, 0 }), "6 8");
    EXPECT_FAIL(ctx, dc_take(d, 2, 2), "dc_take: [2, 2) must hold samples of the 6 that there are");
    EXPECT_FAIL(ctx, dc_take(d, -1, 2), "dc_take: [-1, 2) must hold samples of the 6");
    EXPECT_FAIL(ctx, dc_take(t, 0, 5), "dc_take: [0, 5) must hold samples of the 4");
    EXPECT_FAIL(ctx, dc_pick(t, 2, ((int64_t[]){ 0, 4 })), "rows[1] is 4, but the set has samples 0 to 3");
    EXPECT_FAIL(ctx, dc_pick(t, 1, (int64_t[]){ -1 }), "rows[0] is -1");
    EXPECT_FAIL(ctx, dc_pick(t, 0, NULL), "dc_pick: 0 samples");
    dc_free(ctx);
}

TEST(data_shuffled)
{
    dc_context *ctx = dc_new(1), *other = dc_new(2);
    dc_dataset *d = dc_make_moons(ctx, 1000, DC__C(0.1)), *s = dc_shuffled(d, 5);
    char first[4096];
    snprintf(first, sizeof first, "%s", data_order(s));
    CHECK(strcmp(first, data_order(d)));
    DATA_ORDER(dc_shuffled(d, 5), first);
    CHECK(strcmp(first, data_order(dc_shuffled(d, 6))));
    int64_t seen = 0;
    for (int64_t i = 0; i < 1000; i++) seen += s->row[i];
    CHECK(seen == 999 * 1000 / 2);
    dc_dataset *a = dc_shuffled(data_six(ctx), 9), *b = dc_shuffled(data_six(other), 9);
    CHECK(!memcmp(a->row, b->row, 6 * sizeof *a->row));        /* By the seed given, not the context's. */
    dc_free(ctx), dc_free(other);
}

TEST(data_split)
{
    dc_context *ctx = dc_new(3);
    dc_dataset *d = dc_make_line(ctx, 60000, 1, 0, 0), *a, *b, *a2, *b2;
    dc_split_data(d, DC__C(0.1), &a, &b);
    CHECK(dc_count(a) == 6000 && dc_count(b) == 54000);
    char *seen = calloc(60000, 1);
    int64_t twice = 0;
    for (int64_t i = 0; i < 60000; i++) {
        int64_t row = i < 6000 ? a->row[i] : b->row[i - 6000];
        twice += seen[row]++;
    }
    CHECK(twice == 0);
    free(seen);
    dc_make_line(ctx, 3, 1, 0, 0);                              /* What else was made does not matter. */
    dc_split_data(d, DC__C(0.1), &a2, &b2);
    CHECK(!memcmp(a->row, a2->row, 6000 * sizeof *a->row));
    dc_split_data(d, DC__C(0.1), &a2, NULL);
    dc_split_data(d, DC__C(0.1), NULL, &b2);
    CHECK(!memcmp(b->row, b2->row, 54000 * sizeof *a->row));
    EXPECT_FAIL(ctx, dc_split_data(data_six(ctx), 1, &a, &b), "dc_split_data: 1 of 6 samples leaves one part empty");
    EXPECT_FAIL(ctx, dc_split_data(data_six(ctx), DC__C(0.0625), &a, &b), "0.0625 of 6 samples");
    EXPECT_FAIL(ctx, dc_split_data(data_six(ctx), (dc_real)NAN, &a, &b), "nan of 6 samples");
    EXPECT_FAIL(ctx, dc_split_data(dc_take(data_six(ctx), 0, 1), DC__C(0.5), &a, &b), "0.5 of 1 samples");
    dc_free(ctx);
}

TEST(data_class_counts)
{
    dc_context *ctx = dc_new(1);
    dc_dataset *d = data_six(ctx);
    int64_t counts[3];
    dc_class_counts(d, counts);
    CHECK(counts[0] == 1 && counts[1] == 4 && counts[2] == 1);
    dc_class_counts(dc_take(d, 1, 5), counts);                  /* 1 1 1 2: class 0 has no sample. */
    CHECK(counts[0] == 0 && counts[1] == 3 && counts[2] == 1);
    dc_dataset *line = dc_make_line(ctx, 3, 1, 0, 0);
    EXPECT_FAIL(ctx, dc_class_counts(line, counts), "dc_class_counts: the set has no classes");
    CHECK(ctx->buffers == NULL);
    dc_free(ctx);
}

/* ---- Batches ---- */

static void data_epoch(dc_loader *l, char *text, size_t size)
{
    dc_batch b;
    size_t n = 0;
    while (dc_next(l, &b))
        for (int64_t i = 0; i < b.size; i++)
            n += (size_t)snprintf(text + n, size - n, "%d:%d ", (int)b.rows[i], (int)b.x->data[2 * i]);
}

TEST(data_batches)
{
    dc_context *ctx = dc_new(1);
    dc_dataset *d = data_six(ctx);
    dc_loader *l = dc_batches(d, 4, false);
    dc_batch b;
    CHECK(dc_next(l, &b) && b.size == 4 && b.x->shape.dim[0] == 4 && b.x->size == 8 && b.y->size == 4);
    uint32_t version = b.x->version;
    CHECK(dc_next(l, &b) && b.size == 2 && b.x->shape.dim[0] == 2 && b.x->size == 4 && b.rows[0] == 4);
    CHECK(b.x->version != version && b.x->data[0] == 8 && b.y->data[0] == 2);
    dc__error(ctx, "old news");
    CHECK(!dc_next(l, &b) && !dc_error(ctx)[0]);
    CHECK(dc_next(l, &b) && b.size == 4 && b.rows[0] == 0);

    char one[256], two[256], again[256];
    l = dc_batches(d, 4, true);
    data_epoch(l, one, sizeof one);
    data_epoch(l, two, sizeof two);
    CHECK(strcmp(one, two));
    for (int i = 0; i < 6; i++) {                               /* Each sample once, with its own data. */
        char word[16];
        snprintf(word, sizeof word, "%d:%d ", i, 2 * i);
        CHECK(strstr(one, word) && strstr(two, word));
    }
    dc_context *other = dc_new(1);                              /* The same seed: the same orders. */
    dc_make_line(other, 3, 1, 0, 0);
    l = dc_batches(data_six(other), 2, true);
    data_epoch(l, again, sizeof again);
    CHECK(!strcmp(one, again));
    data_epoch(l, again, sizeof again);
    CHECK(!strcmp(two, again));
    dc_free(other);
    l = dc_batches(d, 4, true);                                 /* Another loader begins as the first. */
    data_epoch(l, again, sizeof again);
    CHECK(!strcmp(one, again));

    l = dc_batches(d, 100, false);                              /* Larger than the set: one smaller batch. */
    CHECK(dc_next(l, &b) && b.size == 6 && !dc_next(l, &b));
    EXPECT_FAIL(ctx, dc_batches(d, 0, false), "dc_batches: a batch of 0 samples; it must have at least one");
    dc_free(ctx);
}

/* Without a set there is no context, and so no handler: it prints (to stderr) and aborts. */
static void data_aborted(int number)
{
    (void)number;
    longjmp(check__escape, 1);
}

#define DATA_ABORTS(expression) \
    do { \
        void (*kept)(int) = signal(SIGABRT, data_aborted); \
        bool volatile aborted = true; \
        if (!setjmp(check__escape)) (void)(expression), aborted = false; \
        signal(SIGABRT, kept); \
        CHECK(aborted); \
    } while (0)

TEST(data_set_that_is_null)
{
    dc_dataset *none = NULL;
    DATA_ABORTS(dc_count(none));
    DATA_ABORTS(dc_classes(none));
    DATA_ABORTS(dc_x_shape(none));
    DATA_ABORTS(dc_y_shape(none));
    DATA_ABORTS(dc_class_name(none, 0));
    DATA_ABORTS(dc_feature_name(none, 0));
    DATA_ABORTS(dc_take(none, 0, 1));
    DATA_ABORTS(dc_pick(none, 0, NULL));
    DATA_ABORTS(dc_shuffled(none, 1));
    DATA_ABORTS(dc_split_data(none, 1, NULL, NULL));
    DATA_ABORTS(dc_class_counts(none, NULL));
    DATA_ABORTS(dc_batches(none, 1, false));
}

/* A loader made in a step is gone with it; dc_next never allocates. */
TEST(data_loader_memory)
{
    dc_context *ctx = dc_new(1);
    dc_dataset *d = dc_make_moons(ctx, 5000, DC__C(0.1));
    for (int i = 0; i < DC__QUARANTINE; i++) {                  /* Headers of tensors are used again later. */
        dc_mark mark = dc_begin(ctx);
        for (int k = 0; k < 3; k++) dc_zeros(ctx, DC_SCALAR);
        dc_end(ctx, mark);
    }
    size_t permanent = ctx->permanent.current->used;
    dc__block *block = ctx->permanent.current, *step = NULL;
    for (int i = 0; i < 5; i++) {
        dc_mark mark = dc_begin(ctx);
        dc_loader *l = dc_batches(d, 64, true);
        size_t used = ctx->step.current->used;
        dc_batch b;
        int64_t n = 0;
        while (dc_next(l, &b)) n += b.size;
        CHECK(n == 5000 && ctx->step.current->used == used);
        if (i) CHECK(step == ctx->step.current);
        step = ctx->step.current;
        dc_end(ctx, mark);
    }
    CHECK(ctx->permanent.current == block && block->used == permanent);
    dc_mark mark = dc_begin(ctx);                               /* Sets made in a step stay. */
    dc_dataset *t = dc_shuffled(d, 3);
    dc_end(ctx, mark);
    CHECK(dc_count(t) == 5000 && t->row[0] < 5000);
    dc_free(ctx);
}

/* ---- Generators ---- */

TEST(data_generators)
{
    dc_context *ctx = dc_new(1);
    dc_batch b = data_all(dc_make_line(ctx, 1000, 2, 1, 0));
    double mean = 0;
    for (int i = 0; i < 1000; i++) {
        double x = (double)b.x->data[i];
        CHECK(x >= 0 && x < 1);
        CHECK_NEAR(b.y->data[i], 2 * x + 1, 1e-6);
        mean += x / 1000;
    }
    CHECK_NEAR(mean, 0.5, 0.05);
    CHECK(b.x->shape.rank == 2 && b.y->shape.rank == 2 && b.y->shape.dim[1] == 1);

    b = data_all(dc_make_line(ctx, 4000, 0, 0, 1));
    double square = 0, product = 0;
    for (int i = 0; i < 4000; i++) {
        square += (double)(b.y->data[i] * b.y->data[i]) / 4000;
        product += ((double)b.x->data[i] - 0.5) * (double)b.y->data[i] / 4000;
    }
    CHECK_NEAR(square, 1, 0.1);
    CHECK_NEAR(product, 0, 0.02);                               /* Noise and place are independent. */

    b = data_all(dc_make_sine(ctx, 100, 0));
    for (int i = 0; i < 100; i++) {
        CHECK(fabs((double)b.x->data[i]) <= 3.1415928);
        CHECK_NEAR(b.y->data[i], sin((double)b.x->data[i]), 1e-6);
    }
    dc_dataset *xor = dc_make_xor(ctx);
    b = data_all(xor);
    for (int i = 0; i < 4; i++) CHECK(b.y->data[i] == (b.x->data[2 * i] != b.x->data[2 * i + 1]));
    CHECK(dc_count(xor) == 4 && dc_classes(xor) == 2);
    dc_free(ctx);
}

static double data_radius(const dc_batch *b, int64_t i, double x, double y)
{
    return hypot((double)b->x->data[2 * i] - x, (double)b->x->data[2 * i + 1] - y);
}

TEST(data_generators_of_points)
{
    dc_context *ctx = dc_new(1);
    dc_batch b = data_all(dc_make_blobs(ctx, 90, 3, 0));
    for (int i = 0; i < 90; i++) CHECK_NEAR(data_radius(&b, i, 0, 0), 2, 1e-5);
    CHECK_NEAR(data_radius(&b, 0, 2, 0), 0, 1e-5);
    CHECK_NEAR(data_radius(&b, 4, -1, sqrt(3)), 0, 1e-5);
    b = data_all(dc_make_blobs(ctx, 4000, 2, DC__C(0.5)));
    double square = 0;
    for (int i = 0; i < 4000; i++) square += pow(data_radius(&b, i, i % 2 ? -2 : 2, 0), 2) / 4000;
    CHECK_NEAR(square, 0.5, 0.05);                              /* 0.25 along each axis. */

    b = data_all(dc_make_circles(ctx, 100, 0));
    for (int i = 0; i < 100; i++) CHECK_NEAR(data_radius(&b, i, 0, 0), b.y->data[i] > 0 ? 0.5 : 1, 1e-5);
    b = data_all(dc_make_moons(ctx, 100, 0));
    for (int i = 0; i < 100; i++) {
        bool lower = b.y->data[i] > 0;
        CHECK_NEAR(data_radius(&b, i, lower ? 1 : 0, lower ? 0.5 : 0), 1, 1e-5);
        CHECK(lower ? b.x->data[2 * i + 1] <= DC__C(0.50001) : b.x->data[2 * i + 1] >= -DC__C(0.00001));
    }
    b = data_all(dc_make_spirals(ctx, 300, 3, 0));
    for (int i = 0; i < 300; i++) {
        double r = data_radius(&b, i, 0, 0), angle = 3.14159265358979 * (3 * r + 2 * (i % 3) / 3.0);
        CHECK(r < 1 && b.y->data[i] == (dc_real)(i % 3));
        CHECK_NEAR(b.x->data[2 * i], r * cos(angle), 1e-4);
    }
    EXPECT_FAIL(ctx, dc_make_blobs(ctx, 9, 0, 0), "dc_make_blobs: 0 classes");
    EXPECT_FAIL(ctx, dc_make_spirals(ctx, 9, 0, 0), "dc_make_spirals: 0 classes; there must be at least 1");
    EXPECT_FAIL(ctx, dc_make_moons(ctx, 0, 0), "dc_make_moons: 0 samples");
    EXPECT_FAIL(ctx, dc_make_line(ctx, 0, 1, 1, 0), "dc_make_line: 0 samples");
    EXPECT_FAIL(ctx, dc_make_sine(ctx, 0, 0), "dc_make_sine: 0 samples");
    EXPECT_FAIL(ctx, dc_make_circles(ctx, -1, 0), "dc_make_circles: -1 samples");
    EXPECT_FAIL(ctx, dc_make_digits(ctx, 0), "dc_make_digits: 0 samples");
    dc_free(ctx);
}

TEST(data_generators_repeat)
{
    dc_context *a = dc_new(7), *b = dc_new(7), *c = dc_new(8);
    dc_dataset *a1 = dc_make_moons(a, 50, 1), *a2 = dc_make_moons(a, 50, 1), *b1 = dc_make_moons(b, 50, 1);
    CHECK(!memcmp(a1->x, b1->x, 100 * sizeof *a1->x) && memcmp(a1->x, a2->x, 100 * sizeof *a1->x));
    CHECK(memcmp(a1->x, dc_make_moons(c, 50, 1)->x, 100 * sizeof *a1->x));
    dc_dataset *d = dc_make_digits(a, 40);
    dc_make_moons(b, 1, 1);
    CHECK(!memcmp(d->x_bytes, dc_make_digits(b, 40)->x_bytes, 40 * 784));
    CHECK(dc_count(d) == 40 && dc_classes(d) == 10 && dc_x_shape(d).rank == 3 && dc_x_shape(d).dim[2] == 1);
    int64_t counts[10];
    dc_class_counts(d, counts);
    CHECK(counts[0] == 4 && counts[9] == 4);
    for (int i = 0; i < 40; i++) {                              /* Some ink, and not too much. */
        double ink = 0;
        for (int k = 0; k < 784; k++) ink += d->x_bytes[784 * i + k] / 255.0 / 784;
        CHECK(ink > 0.05 && ink < 0.35);
    }
    dc_free(a), dc_free(b), dc_free(c);
}

/* ---- IDX ---- */

static const char *data_file(const char *name, const void *bytes, size_t size)
{
    const char *path = temporary_path(name);
    FILE *f = fopen(path, "wb");
    if (f) fwrite(bytes, 1, size, f), fclose(f);
    return path;
}

/* Three images of 2 x 2, and labels for them. */
static const uint8_t data_images[] = { 0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2,
                                       0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255 };
static const uint8_t data_three[] = { 0, 0, 8, 1, 0, 0, 0, 3, 4, 0, 1 };

TEST(data_idx)
{
    dc_context *ctx = dc_new(1);
    const char *images = data_file("images", data_images, sizeof data_images);
    const char *labels = data_file("labels", data_three, sizeof data_three);
    dc_dataset *d = dc_load_idx(ctx, images, labels);
    if (!CHECK(d)) return;
    CHECK(dc_count(d) == 3 && dc_classes(d) == 5 && dc_x_shape(d).rank == 3 && dc_x_shape(d).dim[2] == 1);
    dc_batch b = data_all(d);
    CHECK(b.x->data[11] == 1 && b.x->data[1] == DC__C(1) / 255 && b.y->data[0] == 4);

    uint8_t zeros[11];
    memcpy(zeros, data_three, 11);
    zeros[8] = zeros[10] = 0;
    labels = data_file("labels", zeros, 11);
    CHECK(dc_classes(dc_load_idx(ctx, images, labels)) == 2);   /* At least two. */
    CHECK(ctx->buffers == NULL);
    dc_free(ctx);
}

/* dc_load_idx of these bytes, which it must refuse with this sentence. */
static void data_refuses_idx(const uint8_t *images, size_t size, const uint8_t *labels, size_t labels_size,
                             const char *part, int line)
{
    dc_context *ctx = dc_new(1);
    const char *i = data_file("images", images, size), *l = data_file("labels", labels, labels_size);
    size_t used = ctx->permanent.first ? ctx->permanent.first->used : 0;
    check__that(!dc_load_idx(ctx, i, l), __FILE__, line, "it was read");
    check__text(dc_error(ctx), part, __FILE__, line, "dc_error");
    check__that(used == (ctx->permanent.first ? ctx->permanent.first->used : 0), __FILE__, line, "kept memory");
    check__that(!ctx->buffers, __FILE__, line, "kept a buffer");
    dc_free(ctx);
}

TEST(data_idx_refuses)
{
    uint8_t i[64], l[64];
    size_t in = sizeof data_images, ln = sizeof data_three;
#define DATA_FRESH memcpy(i, data_images, in), memcpy(l, data_three, ln)
#define DATA_REFUSES(i_size, l_size, part) data_refuses_idx(i, i_size, l, l_size, part, __LINE__)
    DATA_FRESH;
    DATA_REFUSES(in - 1, ln, "images: cut short: the header promises 3 items of 2 x 2 bytes, and 11 bytes follow");
    DATA_REFUSES(in, ln - 1, "labels: cut short: the header promises 3 items of 1 x 1 bytes, and 2 bytes follow");
    DATA_REFUSES(in + 1, ln, "images: too long: the header promises 3 items of 2 x 2 bytes, and 13 bytes follow");
    DATA_REFUSES(7, ln, "images: not an IDX file of images: it must begin with 00000803 and 3 sizes");
    DATA_REFUSES(0, ln, "images: not an IDX file of images: it must begin with 00000803 and 3 sizes");
    DATA_REFUSES(in, 1, "labels: not an IDX file of labels: it must begin with 00000801 and 1 sizes");
    i[3] = 1;
    DATA_REFUSES(in, ln, "images: not an IDX file of images: it must begin with 00000803 and 3 sizes");
    DATA_FRESH, l[2] = 9;
    DATA_REFUSES(in, ln, "labels: not an IDX file of labels: it must begin with 00000801 and 1 sizes");
    DATA_FRESH, i[7] = 0;
    DATA_REFUSES(in, ln, "images: empty: the header promises 0 items of 2 x 2 bytes");
    DATA_FRESH, i[11] = 0;
    DATA_REFUSES(in, ln, "images: empty: the header promises 3 items of 0 x 2 bytes");
    DATA_FRESH, l[7] = 2;
    DATA_REFUSES(in, ln - 1, "labels: 2 labels for the 3 images of");
    DATA_FRESH, memset(i + 4, 255, 12);                         /* Sizes whose product overflows. */
    DATA_REFUSES(in, ln, "images: cut short: the header promises 4294967295 items of 4294967295 x");

    dc_context *ctx = dc_new(1);
    CHECK(!dc_load_idx(ctx, "nowhere/images", "nowhere/labels"));
    CHECK_TEXT(dc_error(ctx), "nowhere/labels: No such file");
    dc_free(ctx);
}

/* ---- gzip ---- */

#if defined(STBI_INCLUDE_STB_IMAGE_H) && !defined(STBI_NO_ZLIB)
/* A gzip member with the bytes as they are, in one stored block; flags 8: with a name. */
static size_t data_gzip(const uint8_t *bytes, size_t size, int flags, uint8_t *out)
{
    uint8_t *p = out, head[] = { 0x1F, 0x8B, 8, (uint8_t)flags, 0, 0, 0, 0, 0, 3 };
    memcpy(p, head, 10), p += 10;
    if (flags & 8) memcpy(p, "name", 5), p += 5;
    unsigned n = (unsigned)size;
    uint8_t block[] = { 1, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)~n, (uint8_t)(~n >> 8) };
    memcpy(p, block, 5), p += 5;
    memcpy(p, bytes, size), p += size;
    uint32_t tail[] = { dc__crc32(bytes, size), n };
    for (int i = 0; i < 8; i++) *p++ = (uint8_t)(tail[i / 4] >> 8 * (i % 4));
    return (size_t)(p - out);
}

TEST(data_gzip_reads)
{
    dc_context *ctx = dc_new(1);
    uint8_t packed[256], labels[128];
    CHECK(dc__crc32((const uint8_t *)"123456789", 9) == 0xCBF43926);
    size_t n = data_gzip(data_three, sizeof data_three, 0, labels);
    char l[512];
    snprintf(l, sizeof l, "%s", data_file("labels.gz", labels, n));
    for (int flags = 0; flags < 9; flags += 8) {
        n = data_gzip(data_images, sizeof data_images, flags, packed);
        dc_dataset *d = dc_load_idx(ctx, data_file("images.gz", packed, n), l);
        CHECK(d && d->x_bytes[11] == 255 && d->y_bytes[0] == 4);
    }
    dc_free(ctx);
}

TEST(data_gzip_refuses)
{
    uint8_t packed[256], p[512], labels[64];
    size_t n = data_gzip(data_images, sizeof data_images, 0, packed), ln = sizeof data_three;
    memcpy(labels, data_three, ln);
#define DATA_REFUSES_GZIP(size, part) data_refuses_idx(p, size, labels, ln, part, __LINE__)
    memcpy(p, packed, n), p[20] ^= 4;
    DATA_REFUSES_GZIP(n, "images: damaged, or not plain gzip (one member, up to 2 GiB); try gzip -d");
    memcpy(p, packed, n), p[n - 6] ^= 4;
    DATA_REFUSES_GZIP(n, "images: damaged, or not plain gzip (one member, up to 2 GiB); try gzip -d");
    memcpy(p, packed, n), p[n - 4]++;
    DATA_REFUSES_GZIP(n, "damaged, or not plain gzip");
    memcpy(p, packed, n), p[n - 4]--;
    DATA_REFUSES_GZIP(n, "damaged, or not plain gzip");
    memcpy(p, packed, n), p[n - 2] = 255;
    DATA_REFUSES_GZIP(n, "damaged, or not plain gzip");
    memcpy(p, packed, n), p[n - 1] = 255;
    DATA_REFUSES_GZIP(n, "damaged, or not plain gzip");
    for (size_t cut = 2; cut < n; cut++) {
        memcpy(p, packed, n);
        DATA_REFUSES_GZIP(cut, "images: damaged, or not plain gzip");
    }
    memcpy(p, packed, n), p[2] = 7;
    DATA_REFUSES_GZIP(n, "damaged, or not plain gzip");
    memcpy(p, packed, n), p[3] = 32;
    DATA_REFUSES_GZIP(n, "damaged, or not plain gzip");
    memcpy(p, packed, n), p[3] = 8, memset(p + 10, 'x', n - 10);     /* A name without an end. */
    DATA_REFUSES_GZIP(n, "damaged, or not plain gzip");
    memcpy(p, packed, n);
    size_t n2 = data_gzip(data_three, ln, 0, p + n);            /* Another member behind it. */
    DATA_REFUSES_GZIP(n + n2, "damaged, or not plain gzip");
    for (size_t bit = 16; bit < 8 * n; bit++) {                 /* One wrong bit: read right, or refused. */
        if (bit / 8 >= 3 && bit / 8 < 10) continue;             /* Flags, time: not covered by the sum. */
        memcpy(p, packed, n), p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        dc_context *ctx = dc_new(1);
        const char *i = data_file("images", p, n), *l = data_file("labels", labels, ln);
        dc_dataset *d = dc_load_idx(ctx, i, l);
        CHECK(d ? !memcmp(d->x_bytes, data_images + 16, 12) : dc_error(ctx)[0] != 0);
        dc_free(ctx);
    }
}

TEST(data_mnist)
{
    dc_context *ctx = dc_new(1);
    dc_dataset *d = dc_load_mnist(ctx, DATA, DC_TRAIN), *t = dc_load_mnist(ctx, DATA, DC_TEST);
    if (!CHECK(d && t)) return;
    CHECK(dc_count(d) == 60000 && dc_count(t) == 10000 && dc_classes(d) == 10);
    CHECK(dc_x_shape(d).rank == 3 && dc_x_shape(d).dim[0] == 28 && dc_x_shape(d).dim[2] == 1);
    const uint8_t first[] = { 5, 0, 4, 1, 9, 2, 1, 3, 1, 4 }, test[] = { 7, 2, 1, 0, 4, 1, 4, 9, 5, 9 };
    CHECK(!memcmp(d->y_bytes, first, 10) && !memcmp(t->y_bytes, test, 10));
    const int64_t known[] = { 5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949 };
    int64_t counts[10];
    dc_class_counts(d, counts);
    CHECK(!memcmp(counts, known, sizeof known));
    CHECK(ctx->buffers == NULL);
    dc_free(ctx);
}
#else
TEST(data_gzip_without_stb)
{
    const uint8_t gz[] = { 0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    data_refuses_idx(data_images, sizeof data_images, gz, sizeof gz,
                     "labels: reading gzip needs stb_image.h; unpack it with gzip -d, or install libstb-dev",
                     __LINE__);
}
#endif

TEST(data_mnist_names)
{
    dc_context *ctx = dc_new(1);
    CHECK(!dc_load_mnist(ctx, "nowhere", DC_TRAIN));
    CHECK_TEXT(dc_error(ctx),
               "nowhere: no file train-images-idx...-ubyte there that can be opened, with or without .gz");
    char folder[512], long_name[2000];
    snprintf(folder, sizeof folder, "%s", temporary_path(""));
    data_file("t10k-images.idx3-ubyte", data_images, sizeof data_images);
    const char *labels = data_file("t10k-labels-idx1-ubyte", data_three, sizeof data_three);
    dc_dataset *d = dc_load_mnist(ctx, folder, DC_TEST);
    CHECK(d && dc_classes(d) == 10 && dc_count(d) == 3);
    uint8_t bad[sizeof data_three];
    memcpy(bad, data_three, sizeof bad);
    bad[9] = 10;
    data_file("t10k-labels-idx1-ubyte", bad, sizeof bad);
    CHECK(!dc_load_mnist(ctx, folder, DC_TEST));
    CHECK_TEXT(dc_error(ctx),
               "t10k-labels-idx1-ubyte: the label of sample 1 is 10; labels are whole numbers from 0 to 9");
    remove(labels);
    CHECK(!dc_load_mnist(ctx, folder, DC_TEST));
    CHECK_TEXT(dc_error(ctx), "no file t10k-labels-idx...-ubyte there");
    memset(long_name, 'x', sizeof long_name), long_name[1999] = 0;
    CHECK(!dc_load_mnist(ctx, long_name, DC_TEST));
    dc_free(ctx);
}

/* ---- CSV ---- */

static dc_dataset *data_csv(dc_context *ctx, const char *text, const dc_csv_options *o)
{
    return dc_load_csv(ctx, data_file("table.csv", text, strlen(text)), o);
}

TEST(data_csv_of_numbers)
{
    dc_context *ctx = dc_new(1);
    const char *text = "\xEF\xBB\xBF" "a,\"b, \"\"c\"\"\",y\r\n1, 2.5 ,3\r\n\r\n-4e-1,\t+5,6\r\n";
    dc_dataset *d = data_csv(ctx, text, NULL);
    if (!CHECK(d)) return;
    CHECK(dc_count(d) == 2 && dc_classes(d) == 0 && dc_x_shape(d).dim[0] == 2 && dc_y_shape(d).dim[0] == 1);
    dc_batch b = data_all(d);
    CHECK(b.x->data[1] == DC__C(2.5) && b.x->data[2] == -DC__C(0.4) && b.x->data[3] == 5);
    CHECK(b.y->data[0] == 3 && b.y->data[1] == 6 && b.y->shape.rank == 2);
    CHECK(!strcmp(dc_feature_name(d, 0), "a") && !strcmp(dc_feature_name(d, 1), "b, \"c\""));
    CHECK(!dc_feature_name(d, 2) && !dc_feature_name(d, -1) && !dc_class_name(d, 0));

    d = data_csv(ctx, text, &(dc_csv_options){ .label = "a" });
    CHECK(d && data_all(d).y->data[1] == -DC__C(0.4) && !strcmp(dc_feature_name(d, 1), "y"));
    d = data_csv(ctx, "1;2;3\r\n4;5;6", &(dc_csv_options){ .label = "0", .separator = ';', .no_header = true });
    CHECK(d && dc_count(d) == 2 && data_all(d).y->data[1] == 4 && !strcmp(dc_feature_name(d, 0), "1"));
    d = data_csv(ctx, "a\tb\tc\n1\t\t3\n", &(dc_csv_options){ .separator = '\t', .missing = -1 });
    CHECK(d && data_all(d).x->data[1] == -1);
    d = data_csv(ctx, "1 2\n3 4\n", &(dc_csv_options){ .separator = ' ', .no_header = true });
    CHECK(d && data_all(d).x->data[1] == 3 && data_all(d).y->data[1] == 4);
    CHECK(ctx->buffers == NULL);
    dc_free(ctx);
}

TEST(data_csv_of_texts)
{
    dc_context *ctx = dc_new(1);
    const char *text = "size,kind\n1,cat\n2,dog\n?,\"c\no\"\"w\"\n\"4\" , cat \n5,dog\n";
    dc_dataset *d = data_csv(ctx, text, &(dc_csv_options){ .is_classes = true });
    if (!CHECK(d)) return;
    CHECK(dc_classes(d) == 3 && dc_x_shape(d).dim[0] == 1 && dc_y_shape(d).rank == 0);
    const dc_real x[] = { 1, 2, 0, 4, 5 }, y[] = { 0, 1, 2, 0, 1 };
    dc_batch b = data_all(d);
    CHECK(!memcmp(b.x->data, x, sizeof x) && !memcmp(b.y->data, y, sizeof y));
    CHECK(!strcmp(dc_class_name(d, 0), "cat") && !strcmp(dc_class_name(d, 2), "c\no\"w") && !dc_class_name(d, 3));
    CHECK(!strcmp(dc_class_name(dc_take(d, 0, 1), 1), "dog"));
    dc_free(ctx);
}

TEST(data_csv_classes)
{
    dc_context *ctx = dc_new(1);
    const dc_csv_options o = { .is_classes = true };
    dc_dataset *d = data_csv(ctx, "x,y\n1,2\n1,0\n1,2\n", &o);     /* From 0: as they are. */
    CHECK(d && dc_classes(d) == 3 && data_all(d).y->data[0] == 2 && !dc_class_name(d, 0));
    d = data_csv(ctx, "x,y\n1,7\n1,5\n1,7\n", &o);                 /* Not from 0: by first appearance. */
    CHECK(d && dc_classes(d) == 2 && data_all(d).y->data[1] == 1 && !strcmp(dc_class_name(d, 1), "5"));
    d = data_csv(ctx, "x,y\n1,0\n1,0.5\n", &o);
    CHECK(d && dc_classes(d) == 2 && !strcmp(dc_class_name(d, 1), "0.5"));
    d = data_csv(ctx, "x,y\n1,0\n1,cat\n", &o);
    CHECK(d && dc_classes(d) == 2 && !strcmp(dc_class_name(d, 1), "cat"));
    d = data_csv(ctx, "x,y\n1,0\n1,0\n", &o);                      /* Always two classes. */
    CHECK(d && dc_classes(d) == 2);
    d = data_csv(ctx, "x,y\n1,cat\n1,cat\n", &o);
    CHECK(d && dc_classes(d) == 2 && !dc_class_name(d, 1));
    dc_free(ctx);
}

TEST(data_csv_missing)
{
    dc_context *ctx = dc_new(1);
    const char *text = "a,b,c,y\n1,,,0\n?,4,NA,0\n3,NaN,nan,0\nNA,6,,0\n";
    dc_batch b = data_all(data_csv(ctx, text, NULL));
    CHECK(b.x->data[1] == 0 && b.x->data[3] == 0 && b.x->data[2] == 0);
    b = data_all(data_csv(ctx, text, &(dc_csv_options){ .missing = 9 }));
    CHECK(b.x->data[0] == 1 && b.x->data[1] == 9 && b.x->data[2] == 9 && b.x->data[3] == 9 && b.x->data[4] == 4);
    b = data_all(data_csv(ctx, text, &(dc_csv_options){ .missing = (dc_real)NAN }));
    CHECK(isnan(b.x->data[1]));
    dc_free(ctx);
}

static void data_refuses_csv(const char *text, size_t size, const dc_csv_options *o, const char *part, int line)
{
    dc_context *ctx = dc_new(1);
    const char *path = data_file("table.csv", text, size);
    check__that(!dc_load_csv(ctx, path, o), __FILE__, line, "it was read");
    check__text(dc_error(ctx), part, __FILE__, line, "dc_error");
    check__that(!ctx->permanent.first, __FILE__, line, "kept memory");
    check__that(!ctx->buffers, __FILE__, line, "kept a buffer");
    dc_free(ctx);
}

TEST(data_csv_refuses)
{
#define DATA_REFUSES_CSV(text, o, part) data_refuses_csv(text, sizeof text - 1, o, part, __LINE__)
    const dc_csv_options classes = { .is_classes = true }, bare = { .no_header = true };
    DATA_REFUSES_CSV("a,b\n1,2\n\n1,2,3\n", NULL, "table.csv: line 4 has 3 fields, but line 1 has 2");
    DATA_REFUSES_CSV("a,b\n1\n", NULL, "line 2 has 1 fields");
    DATA_REFUSES_CSV("a,b\n1,\"x\n\n\"\n1,2,3", &classes, "line 5 has 3 fields, but line 1 has 2");
    DATA_REFUSES_CSV("a,b\n1,\"2\n3,4\n", NULL, "line 2: a quote is opened and never closed");
    DATA_REFUSES_CSV("a,b\n1,\"2\"3\n", NULL, "line 2: text after a closing quote");
    DATA_REFUSES_CSV("a,b\n1,2\0003\n", NULL, "not a text file: it has a zero byte");
    DATA_REFUSES_CSV("", NULL, "there are no samples in it");
    DATA_REFUSES_CSV("a,b\n", NULL, "there are no samples in it");
    DATA_REFUSES_CSV("\n \n\r\n", &bare, "there are no samples in it");
    DATA_REFUSES_CSV("a\n1\n", NULL, "a single column; a feature and a target are needed, separated by ','");
    DATA_REFUSES_CSV("a;b\n1;2\n", NULL, "a single column");
    DATA_REFUSES_CSV("a,b\n1,2\nx,3\n", NULL,
                     "line 3, column \"a\": \"x\" is not a number; write a number for each text, or a column "
                     "of 0 and 1");
    DATA_REFUSES_CSV("a,b\n?,2\n1e999,3\n", NULL, "line 3, column \"a\": \"1e999\" is more than a dc_real can hold");
    DATA_REFUSES_CSV("a,b\n1,2\n1,inf\n", NULL, "column \"b\": \"inf\" is more than a dc_real can hold");
    DATA_REFUSES_CSV("a,b\n1,2\n1,x\n", NULL, "line 3, column \"b\": \"x\" is not a number");
    DATA_REFUSES_CSV("a,b\n1,x\n", NULL,
                     "line 2, column \"b\": \"x\" is not a number; if the target is a class, set is_classes");
    DATA_REFUSES_CSV("a,b\n1,2\n1,\n", NULL, "line 3, column \"b\": \"\" is missing, but it is the target");
    DATA_REFUSES_CSV("a,b\n1,2\n", &((dc_csv_options){ .label = "c" }),
                     "no column \"c\" for the target; the last is \"b\"");
    DATA_REFUSES_CSV("a,b\n1,2\n", &((dc_csv_options){ .label = "2" }), "no column \"2\"");

    char many[32000];
    int n = snprintf(many, sizeof many, "a,b\n");
    for (int i = 0; i < 1001; i++) n += snprintf(many + n, sizeof many - (size_t)n, "1,name %d\n", i);
    data_refuses_csv(many, (size_t)n, &classes,
                     "line 1002, column \"b\": \"name 1000\" is the 1001st text of its column; there may be 1000",
        __LINE__);

    dc_context *ctx = dc_new(1);
    CHECK(!dc_load_csv(ctx, "nowhere.csv", NULL));
    CHECK_TEXT(dc_error(ctx), "nowhere.csv: No such file");
    EXPECT_FAIL(ctx, dc_load_csv(ctx, "x", &((dc_csv_options){ .separator = '\n' })), "cannot be the separator");
    dc_free(ctx);
}

TEST(data_all_is_the_whole_set)
{
    dc_context *ctx = dc_new(1);
    dc_dataset *set = dc_make_moons(ctx, 20, 0.1f);
    dc_batch all = dc_all(set), three = dc_all(dc_take(set, 5, 8));
    CHECK(all.size == 20 && all.x->shape.rank == 2 && all.x->shape.dim[0] == 20 && all.y->size == 20);
    CHECK(three.size == 3);
    for (int i = 0; i < 6; i++) CHECK_BITS(three.x->data[i], all.x->data[10 + i]);
    dc_free(ctx);
}
