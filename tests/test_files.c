/* Saving and loading: models, the state of training, arrays; and every way in which a file can be wrong.
 * built: float double */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"
#include <signal.h>
#include <sys/resource.h>

/* --- helpers --- */

/* A file of tests/golden/files/ (made by NumPy and safetensors, see files.py there). */
static const char *files_golden(const char *name)
{
    static char path[4][1024];
    static int turn;
    char *p = path[turn++ % 4];
    const char *slash = strrchr(__FILE__, '/');
    snprintf(p, sizeof path[0], "%.*sgolden/files/%s", slash ? (int)(slash + 1 - __FILE__) : 0, __FILE__, name);
    return p;
}

static void files_put(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!CHECK(f && fwrite(bytes, 1, size, f) == size)) abort();
    fclose(f);
}

static size_t files_get(const char *path, unsigned char *bytes, size_t room)
{
    FILE *f = fopen(path, "rb");
    size_t size = f ? fread(bytes, 1, room, f) : 0;
    if (f) fclose(f);
    return size;
}

static const char *files_name(const char *name)      /* A new copy: temporary_path reuses its rooms. */
{
    static char path[16][600];
    static int turn;
    char *p = path[turn++ % 16];
    snprintf(p, sizeof path[0], "%s", temporary_path(name));
    return p;
}

/* A safetensors file of this header and so many bytes of data. */
static const char *files_make(const char *name, const char *header, size_t data)
{
    static char bytes[1 << 16];
    const char *path = files_name(name);
    size_t length = strlen(header);
    memset(bytes, 0, sizeof bytes);
    for (int i = 0; i < 8; i++) bytes[i] = (char)((uint64_t)length >> 8 * i);
    memcpy(bytes + 8, header, length);
    files_put(path, bytes, 8 + length + data);
    return path;
}

static dc_loss files_loss(dc_context *ctx)
{
    dc_loss loss = DC_CROSS_ENTROPY;
    loss.options.label_smoothing = DC__C(0.1);
    loss.options.class_weights = dc_from(ctx, DC_SHAPE(3), (dc_real[]){ 1, DC__C(0.1), 3 });
    return loss;
}

static dc_model *files_model(dc_context *ctx)
{
    dc_model *m = dc_sequential(ctx, DC_LAYERS(
        dc_input(2, 3), dc_flatten(), dc_batch_norm(), dc_with_name(dc_dense(4, DC_GELU), "first \"dense\""),
        dc_residual(DC_LAYERS(dc_layer_norm(), dc_dense(4, DC_LEAKY_RELU),
                              dc_residual(DC_LAYERS(dc_dense(4, DC_TANH))))),
        dc_without_bias(dc_dense(2, DC_SOFTMAX)), dc_dense(5, DC_ELU), dc_activation_layer(DC_SILU),
        dc_dropout(DC__C(0.3)), dc_reshape_layer(DC_SHAPE(5, -1)), dc_flatten(), dc_dense(3, DC_LINEAR)));
    dc_optimizer_spec spec = dc_adam(0.01);
    spec.weight_decay = 1.0 / 3, spec.accumulate = 3, spec.clip_norm = 1e-300;
    spec.schedule = dc_with_warmup(dc_cosine_decay(1000, 0.1), 7);
    dc_compile(m, files_loss(ctx), spec);
    return m;
}

/* Some steps by hand, on batches that depend on the step only. */
static void files_train(dc_model *m, int from, int to)
{
    bool old = dc_set_training(m->ctx, true);
    for (int step = from; step < to; step++) {
        dc_mark mark = dc_begin(m->ctx);
        dc_real x[4 * 6], labels[4];
        for (int i = 0; i < 24; i++) x[i] = (dc_real)((i * 7 + step * 5) % 11) / 8 - DC__C(0.5);
        for (int i = 0; i < 4; i++) labels[i] = (dc_real)((i + step) % 3);
        dc_tensor *y = dc_forward(m, dc_from(m->ctx, DC_SHAPE(4, 2, 3), x));
        dc_backward(m->loss.compute(y, dc_from(m->ctx, DC_SHAPE(4), labels), &m->loss.options));
        dc_step(m->optimizer);
        dc_end(m->ctx, mark);
    }
    dc_set_training(m->ctx, old);
}

static bool files_same_prediction(dc_model *a, dc_model *b)
{
    dc_real x[12], ya[6], yb[6];
    for (int i = 0; i < 12; i++) x[i] = (dc_real)i / 7 - 1;
    dc_mark mark = dc_begin(a->ctx);
    dc_read(dc_forward(a, dc_from(a->ctx, DC_SHAPE(2, 2, 3), x)), ya);
    dc_end(a->ctx, mark);
    mark = dc_begin(b->ctx);
    dc_read(dc_forward(b, dc_from(b->ctx, DC_SHAPE(2, 2, 3), x)), yb);
    dc_end(b->ctx, mark);
    return !memcmp(ya, yb, sizeof ya);
}

/* --- JSON --- */

static bool files_is_json(dc_context *ctx, const char *text)
{
    size_t size = strlen(text);
    char *copy = malloc(size + 1);                   /* Of its own, so that ASan sees every step too far. */
    memcpy(copy, text, size + 1);
    dc__json *v = dc__read_json(ctx, "it", copy, size);
    bool ok = v != NULL;
    dc__buffer_free(v);
    free(copy);
    return ok;
}

TEST(files_json_and_what_is_none)
{
    static const char *const good[] = { "0", "-1.5e-7", "[]", "{}", " [ 1 , { \"a\" : null } , true,false ]\r\n\t",
        "\"\\u0041\\ud83d\\ude00\\n\\/\"", "{\"a\":{\"b\":[[]]}}", "1E5", "1e+5", "0.0", "\"\xc3\xa4\"",
        "{'shape': (2, 3,), 'empty': (), 'order': False, }", "[1,]" };      /* The last line: Python's. */
    static const char *const bad[] = { "", " ", "[", "]", "{", "[,1]", "[,]", "[1,,2]", "{\"a\"}", "{\"a\":}", "{a:1}",
        "{1:2}", "{[]:1}", "{,}", "\"", "\"\\", "\"\\\"", "\"\\u", "\"\\u12", "'\"", "1 2", "[1] x", "[1 2]",
        "{\"a\" 1}", "{\"a\",1}", "\"\\ud800\\", "[}", "{]", "(]", "[)", "[\"a\"\"b\"]", "{\"a\":1 \"b\":2}", ":",
          "," };
    dc_context *ctx = dc_new(1);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!CHECK(files_is_json(ctx, good[i]))) printf("  refused: %s\n", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!CHECK(!files_is_json(ctx, bad[i]))) printf("  accepted: %s\n", bad[i]);
    CHECK_TEXT(dc_error(ctx), "it is damaged at its byte");
    dc_free(ctx);
}

TEST(files_json_values)
{
    char text[] = "{\"k\\u00e4\\u20aC\": [1, \"x\\\"\\/\\\\\\t\\b\\u0041\\u12g4\"], \"n\": 18446744073709551615, "
                  "\"m\": -1, \"w\": nan, \"x\": 01x, \"t\": true}";
    dc_context *ctx = dc_new(1);
    dc__json *v = dc__read_json(ctx, "it", text, strlen(text));
    uint64_t n;
    double x;
    CHECK(v && v->count == 6 && v->span == 15);
    const dc__json *list = dc__member(v, "k\xc3\xa4\xe2\x82\xac");
    CHECK(list && list->count == 2 && !strcmp(list[2].text, "x\"/\\\t\bAu12g4"));
    CHECK(dc__is_bare(dc__member(v, "t"), "true") && !dc__is_bare(dc__member(v, "m"), "true"));
    CHECK(!dc__read_number(dc__member(v, "x"), &x) && !dc__read_number(list, &x));
    CHECK(!dc__read_count(dc__member(v, "x"), UINT64_MAX, &n) && !dc__read_count(list, UINT64_MAX, &n));
    CHECK(dc__read_count(dc__member(v, "n"), UINT64_MAX, &n) && n == UINT64_MAX);
    CHECK(!dc__read_count(dc__member(v, "n"), UINT64_MAX - 1, &n));
    CHECK(!dc__read_count(dc__member(v, "m"), UINT64_MAX, &n));
    CHECK(!dc__member(v, "y") && !dc__member(NULL, "x") && !dc__member(list, "x"));
    dc__buffer_free(v);
    dc_free(ctx);
}

TEST(files_json_depth_is_limited)
{
    static char deep[1 << 20];
    dc_context *ctx = dc_new(1);
    memset(deep, '[', sizeof deep - 1);
    CHECK(!files_is_json(ctx, deep));
    strcpy(deep + 200, "1");
    for (int i = 0; i < 200; i++) strcat(deep, "]");
    CHECK(files_is_json(ctx, deep));
    dc_free(ctx);
}

/* --- .npy --- */

TEST(files_npy_golden)
{
    static const char *const kinds[] = { "little_f4", "little_f8", "i1", "little_i2", "little_i4", "little_i8", "u1",
        "little_u2", "little_u4", "little_u8", "b1", "version1", "version2", "version3" };
    dc_context *ctx = dc_new(1);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        char name[64];
        snprintf(name, sizeof name, "%s.npy", kinds[k]);
        dc_tensor *x = dc_load_npy(ctx, files_golden(name));
        bool ok = x && x->size == 24 && !strcmp(DC__SHAPE_TEXT(x->shape), "[2, 3, 4]");
        for (int i = 0; ok && i < 24; i++)
            ok = x->data[i] == (dc_real)(!strcmp(kinds[k], "b1") ? i % 2 : strchr(kinds[k], 'u') ? i : i - 5);
        if (!CHECK(ok)) printf("  %s: %s\n", name, dc_error(ctx));
    }
    dc_free(ctx);
}

TEST(files_npy_special_values)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_load_npy(ctx, files_golden("vector.npy"));
    if (!CHECK(x && x->shape.rank == 1 && x->size == 5)) return;
    CHECK(x->data[0] == (dc_real)0.1f && x->data[1] == 0 && signbit(x->data[1]));
    CHECK(isinf(x->data[2]) && x->data[2] > 0 && isinf(x->data[3]) && x->data[3] < 0 && isnan(x->data[4]));
    x = dc_load_npy(ctx, files_golden("scalar.npy"));
    CHECK(x && x->shape.rank == 0 && dc_item(x) == DC__C(2.5));
    x = dc_load_npy(ctx, files_golden("empty.npy"));
    CHECK(x && x->size == 0 && !strcmp(DC__SHAPE_TEXT(x->shape), "[0, 3]"));
    x = dc_load_npy(ctx, files_golden("large.npy"));
    CHECK(x && x->data[0] == DC__C(9223373136366403584.0) && x->data[1] == 1);
    dc_free(ctx);
}

TEST(files_npy_refused)
{
    dc_context *ctx = dc_new(1);
    CHECK(!dc_load_npy(ctx, files_golden("bad_rank7.npy")));
    CHECK_TEXT(dc_error(ctx), "bad_rank7.npy: its shape is none of up to 6 sizes");
    CHECK(!dc_load_npy(ctx, files_golden("bad_object.npy")));
    CHECK_TEXT(dc_error(ctx), "bad_object.npy: elements of type |O");
    CHECK(!dc_load_npy(ctx, files_golden("big_f4.npy")));
    CHECK_TEXT(dc_error(ctx), "elements of type >f4");
    CHECK(!dc_load_npy(ctx, files_golden("fortran.npy")));
    CHECK_TEXT(dc_error(ctx), "elements of type <f4 in Fortran order; deepc reads <f4 <f8 |b1 |i1 <i2 <i4 <i8 |u1 <u2 "
                              "<u4 <u8 in C order");
    CHECK(!dc_load_npy(ctx, files_golden("bad_structured.npy")));
    CHECK_TEXT(dc_error(ctx), "elements of type (none)");
    CHECK(!dc_load_npy(ctx, files_golden("bad_complex.npy")));
    CHECK_TEXT(dc_error(ctx), "elements of type <c8");
    CHECK(!dc_load_npy(ctx, files_golden("bad_text.npy")));
    CHECK_TEXT(dc_error(ctx), "elements of type <U2");
    CHECK(!dc_load_npy(ctx, files_golden("half.npy")));
    CHECK_TEXT(dc_error(ctx), "elements of type <f2");
    CHECK(!dc_load_npy(ctx, files_golden("no_such.npy")));
    CHECK_TEXT(dc_error(ctx), "no_such.npy");
    CHECK(!dc_load_npy(ctx, files_golden("types.safetensors")));
    CHECK_TEXT(dc_error(ctx), "not a .npy file");
    CHECK(!dc_load_npy(ctx, temporary_path("")));
    CHECK(*dc_error(ctx));
    dc_free(ctx);
}

/* A version 1 file with this dictionary and so many bytes of data. */
static dc_tensor *files_npy(dc_context *ctx, const char *header, size_t data)
{
    static char bytes[4096];
    const char *path = temporary_path("made.npy");
    size_t length = strlen(header);
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, "\x93NUMPY\x01", 7);
    bytes[8] = (char)length, bytes[9] = (char)(length >> 8);
    memcpy(bytes + 10, header, length);
    files_put(path, bytes, 10 + length + data);
    return dc_load_npy(ctx, path);
}

TEST(files_npy_headers)
{
    dc_context *ctx = dc_new(1);
    CHECK(files_npy(ctx, "{\"shape\":(2,),'fortran_order':False,'descr':'<f4'}", 8));
    CHECK(files_npy(ctx, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }   \n", 12));
    CHECK(files_npy(ctx, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 288230376151711743), }", 0));
    CHECK(!files_npy(ctx, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 11));
    CHECK_TEXT(dc_error(ctx), "cut short: [3] has 12 bytes of elements, and 11 are there");
    CHECK(!files_npy(ctx, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 13));
    CHECK_TEXT(dc_error(ctx), "too long: [3] has 12 bytes of elements, and 13 are there");
    static const char *const bad[] = {
        "", "{}", "[]", "{'descr': '<f4'}", "{'descr': '<f4', 'shape': (3,)}",
            "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 3}", "{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3.0,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (288230376151711744,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1152921504606846976, 1152921504606846976)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551617,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ((3,),)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)",
        "{'descr': '<f3', 'fortran_order': False, 'shape': (3,)}",
            "{'descr': '|f4', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<b2', 'fortran_order': False, 'shape': (6,)}",
            "{'descr': '<f', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '', 'fortran_order': False, 'shape': (3,)}", "{'descr': 4, 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<x4', 'fortran_order': False, 'shape': (3,)}",
            "{'descr': '<f16', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (3,)}",
          "{'descr': '>f4', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '4 <', 'fortran_order': False, 'shape': (3,)}",
          "{'descr': '<4 ', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '|f8', 'fortran_order': False, 'shape': (0,)}",
          "{'descr': ' <f', 'fortran_order': False, 'shape': (0,)}",
        "{'descr': '<f4', 'fortran_order': 'False', 'shape': (3,)}" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!CHECK(!files_npy(ctx, bad[i], 12))) printf("  accepted: %s\n", bad[i]);
    dc_free(ctx);
}

TEST(files_npy_cut_and_flipped)
{
    static unsigned char bytes[4096];
    dc_context *ctx = dc_new(1);
    const char *path = files_name("cut.npy");
    size_t size = files_get(files_golden("version2.npy"), bytes, sizeof bytes);
    for (size_t cut = 0; cut < size; cut++) {
        files_put(path, bytes, cut);
        ctx->error[0] = 0;
        CHECK(!dc_load_npy(ctx, path) && *dc_error(ctx));
    }
    for (size_t bit = 0; bit < 8 * (size - 96); bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        files_put(path, bytes, size);
        ctx->error[0] = 0;
        CHECK(dc_load_npy(ctx, path) || *dc_error(ctx));
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    bytes[size] = 0;
    files_put(path, bytes, size + 1);
    CHECK(!dc_load_npy(ctx, path));
    dc_free(ctx);
}

TEST(files_npy_round_trip)
{
    dc_context *ctx = dc_new(1);
    const char *path = files_name("array.npy"), *scalar = files_name("scalar.npy");
    for (int rank = 0; rank <= DC_MAX_RANK; rank++) {
        dc_shape shape = { rank, { 2, 3, 1, 2, 0, 5 } };
        if (rank == 6) shape.dim[4] = 2;
        dc_tensor *x = dc_normal(ctx, shape, 0, 1);
        CHECK(dc_save_npy(x, path));
        dc_tensor *y = dc_load_npy(ctx, path);
        CHECK(y && dc__same_shape(x->shape, y->shape)
              && !memcmp(x->data, y->data, (size_t)x->size * sizeof(dc_real)));
    }
    CHECK(dc_save_npy(dc_reshape(dc_arange(ctx, -5, 19, 1), DC_SHAPE(2, 3, 4)), path));   /* For files.py. */
    CHECK(dc_save_npy(dc_scalar(ctx, DC__C(2.5)), scalar));
    dc_mark mark = dc_begin(ctx);
    dc_tensor *x = dc_load_npy(ctx, path);
    CHECK(x && x->size == 24);
    dc_end(ctx, mark);
    CHECK(x->stamp != DC__ALIVE);
    dc_free(ctx);
}

/* --- models --- */

TEST(files_model_round_trip)
{
    const char *path = files_name("model.safetensors"), *again = files_name("again.safetensors");
    static unsigned char a[1 << 16], b[1 << 16];
    dc_context *ctx = dc_new(1), *other = dc_new(99);
    dc_model *m = files_model(ctx);
    files_train(m, 0, 5);
    if (!CHECK(dc_save(m, path))) printf("  %s\n", dc_error(ctx));
    dc_model *n = dc_load(other, path);
    if (!CHECK(n != NULL)) { printf("  %s\n", dc_error(other)); return; }
    CHECK(dc_fingerprint(m) == dc_fingerprint(n));
    CHECK(files_same_prediction(m, n));
    CHECK(!n->is_compiled);
    CHECK(dc_save(n, again));
    size_t size = files_get(path, a, sizeof a);
    CHECK(size > 1000 && size == files_get(again, b, sizeof b) && !memcmp(a, b, size));

    FILE *f = fopen(temporary_path("model.txt"), "w");           /* For files.py. */
    for (dc_layer *l = m->first; f && l; l = l->next)
        for (int i = 0; i < l->tensors; i++) {
            const dc_tensor *x = l->tensor[i];
            for (const char *c = x->name; *c; c++) fputc(*c == ' ' ? '_' : *c, f);
            for (int k = 0; k < x->shape.rank; k++) fprintf(f, "%c%lld", k ? 'x' : ' ', (long long)x->shape.dim[k]);
            for (int64_t k = 0; k < x->size; k++) fprintf(f, " %a", (double)x->data[k]);
            fprintf(f, "\n");
        }
    if (f) fclose(f);
    dc_free(ctx);
    dc_free(other);
}

TEST(files_loaded_inside_a_step)
{
    const char *path = files_name("step.safetensors");
    dc_context *ctx = dc_new(1);
    dc_model *m = files_model(ctx);
    CHECK(dc_save(m, path));
    dc_mark mark = dc_begin(ctx);
    dc_model *n = dc_load(ctx, path);
    dc_end(ctx, mark);
    mark = dc_begin(ctx);
    dc_zeros(ctx, DC_SHAPE(10000));
    dc_end(ctx, mark);
    CHECK(n && files_same_prediction(m, n));
    if (n) dc_compile(n, m->loss, dc_adam(0.01)), files_train(n, 0, 1);
    dc_free(ctx);
}

TEST(files_of_small_models)
{
    const char *path = files_name("plain.safetensors");
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(1, DC_LINEAR)));
    CHECK(dc_save(m, path));
    dc_model *n = dc_load(ctx, path);
    CHECK(n && !n->is_compiled && dc_fingerprint(m) == dc_fingerprint(n));
    m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_flatten()));    /* No tensor at all. */
    CHECK(dc_save(m, path));
    CHECK(dc_load(ctx, path) != NULL);
    dc_free(ctx);
}

TEST(files_load_weights)
{
    const char *path = files_name("weights.safetensors");
    dc_context *ctx = dc_new(1);
    dc_model *m = files_model(ctx), *n = files_model(ctx);
    files_train(m, 0, 3);
    CHECK(dc_save(m, path));
    uint32_t version = n->first->next->next->tensor[0]->version;
    CHECK(dc_load_weights(n, path));
    CHECK(n->first->next->next->tensor[0]->version == version + 1);
    CHECK(dc_fingerprint(m) == dc_fingerprint(n));
    m->first->next->next->tensor[0]->data[0] = (dc_real)NAN;
    m->first->next->next->tensor[0]->data[1] = (dc_real)INFINITY;
    CHECK(dc_save(m, path) && dc_load_weights(n, path));
    CHECK(dc_fingerprint(m) == dc_fingerprint(n));
    dc_free(ctx);
}

TEST(files_other_architecture)
{
    const char *path = files_name("other.safetensors");
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_dense(4, DC_RELU), dc_dense(2, DC_LINEAR)));
    dc_model *wider = dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_dense(5, DC_RELU), dc_dense(2, DC_LINEAR)));
    dc_model *deeper = dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_dense(4, DC_RELU), dc_dense(2, DC_LINEAR),
                                                    dc_dense(2, DC_LINEAR)));
    dc_model *flatter = dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_dense(4, DC_RELU)));
    uint64_t w = dc_fingerprint(wider), d = dc_fingerprint(deeper), f = dc_fingerprint(flatter);
    CHECK(dc_save(m, path));
    CHECK(!dc_load_weights(wider, path));
    CHECK_TEXT(dc_error(ctx),
               "other.safetensors: tensor dense_1.weight is [3, 4] in the file and [3, 5] in the model");
    CHECK(!dc_load_weights(deeper, path));
    CHECK_TEXT(dc_error(ctx), "tensor dense_3.weight [2, 2] of the model is not in the file");
    CHECK(!dc_load_weights(flatter, path));
    CHECK_TEXT(dc_error(ctx), "tensor dense_2.weight is not in the model");
    CHECK(w == dc_fingerprint(wider) && d == dc_fingerprint(deeper) && f == dc_fingerprint(flatter));
    dc_free(ctx);
}

TEST(files_types_of_elements)
{
    dc_context *ctx = dc_new(1);
    dc__archive a;
    CHECK(dc__open_archive(ctx, files_golden("types.safetensors"), &a));
    dc_tensor *f4 = dc_zeros(ctx, DC_SHAPE(2, 3)), *f8 = dc_zeros(ctx, DC_SHAPE(2, 3));
    f4->name = "float32", f8->name = "float64";
    CHECK(dc__load_tensors(&a, DC_TENSORS(f4, f8)));
    for (int k = 0; k < 6; k++) CHECK(f4->data[k] == (dc_real)(k - 2) / 4 && f8->data[k] == (dc_real)(k - 2) / 4);
    const char *text = dc__text_member(dc__member(a.header, "__metadata__"), "made by");
    CHECK(text && !strcmp(text, "a \"test\" \xc3\xa4\xf0\x9f\x98\x80"));
    CHECK(!dc__read_about(&a, "architecture"));
    CHECK(dc__close_archive(&a, true));
    CHECK(dc__open_archive(ctx, files_golden("bfloat16.safetensors"), &a));
    f4->name = "bfloat16";
    CHECK(!dc__load_tensors(&a, DC_TENSORS(f4)) && !dc__close_archive(&a, false));
    CHECK_TEXT(dc_error(ctx), "tensor bfloat16 has elements of type BF16, not F32 or F64");
    CHECK(!dc_load(ctx, files_golden("types.safetensors")));
    CHECK_TEXT(dc_error(ctx), "types.safetensors: holds no architecture from deepc (format 1), but from (none)");
    dc_free(ctx);
}

static dc_tensor *files_function(dc_model *m, dc_tensor *x, void *user)
{
    (void)user;
    dc_layer *d = dc_use(m, "shared", dc_dense(3, DC_TANH));
    return dc_add(dc_call(d, dc_call(d, x)), x);
}

TEST(files_function_model)
{
    const char *path = files_name("function.safetensors");
    dc_context *ctx = dc_new(1), *other = dc_new(2);
    dc_model *m = dc_functional(ctx, DC_SHAPE(3), files_function, NULL);
    dc_model *n = dc_functional(other, DC_SHAPE(3), files_function, NULL);
    CHECK(dc_save(m, path));
    CHECK(!dc_load(other, path));
    CHECK_TEXT(dc_error(other), "C function; build it in code (dc_functional) and use dc_load_weights");
    CHECK(dc_fingerprint(m) != dc_fingerprint(n));
    CHECK(dc_load_weights(n, path));
    CHECK(dc_fingerprint(m) == dc_fingerprint(n));
    dc_free(ctx);
    dc_free(other);
}

static void files_scale_build(dc_layer *layer, dc_shape input)
{
    dc_layer_param(layer, "scale", DC_ONES, DC_SHAPE(input.dim[input.rank - 1]));
}

static dc_tensor *files_scale_call(dc_layer *layer, dc_tensor *x) { return dc_mul(x, layer->tensor[0]); }

TEST(files_own_kind_of_layer)
{
    static const dc_layer_kind scale = { "scale", files_scale_build, files_scale_call, NULL };
    static const int answer = 42;
    const char *path = files_name("own.safetensors");
    dc_context *ctx = dc_new(1), *other = dc_new(2);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_custom(&scale, NULL), dc_dense(2, DC_LINEAR)));
    m->first->next->tensor[0]->data[1] = 7;
    CHECK(dc_save(m, path));
    CHECK(!dc_load(other, path));
    CHECK_TEXT(dc_error(other),
               "layer scale_1 is of a kind \"scale\" that is not known; tell deepc with dc_register_layer");
    dc_register_layer(other, &scale);
    dc_model *n = dc_load(other, path);
    CHECK(n && dc_fingerprint(m) == dc_fingerprint(n));
    m = dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_custom(&scale, &answer)));
    CHECK(dc_save(m, path));
    CHECK(!dc_load(other, path));
    CHECK_TEXT(dc_error(other), "needs data that are not in the file");
    dc_free(ctx);
    dc_free(other);
}

TEST(files_standardize)
{
    const char *path = files_name("standardize.safetensors");
    dc_context *ctx = dc_new(1), *other = dc_new(2);
    dc_real x[8] = { 1, 10, 2, 30, 3, 20, 4, 44 }, y[4] = { 0, 1, 2, 3 };
    dc_dataset *data = dc_from_arrays(ctx, 4, DC_SHAPE(2), x, DC_SCALAR, y, 0);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_standardize(data), dc_dense(1, DC_LINEAR)));
    CHECK(dc_save(m, path));
    dc_model *n = dc_load(other, path);
    CHECK(n && dc_fingerprint(m) == dc_fingerprint(n) && n->first->next->tensor[0]->data[0] == DC__C(2.5));
    dc_free(ctx);
    dc_free(other);
}

/* --- broken files --- */

TEST(files_model_cut_and_flipped)
{
    static unsigned char bytes[1 << 16];
    const char *path = files_name("whole.safetensors"), *broken = files_name("broken.safetensors");
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_residual(DC_LAYERS(dc_dense(2, DC_RELU))),
                                               dc_batch_norm(), dc_dense(1, DC_LINEAR)));
    dc_compile(m, DC_HUBER, dc_adam(0.001));
    CHECK(dc_save(m, path));
    uint64_t before = dc_fingerprint(m);
    size_t size = files_get(path, bytes, sizeof bytes);
    size_t header = 8 + bytes[0] + 256 * (size_t)bytes[1];
    for (size_t cut = 0; cut < size; cut++) {
        files_put(broken, bytes, cut);
        ctx->error[0] = 0;
        CHECK(!dc_load(ctx, broken) && strstr(dc_error(ctx), "broken.safetensors: "));
        CHECK(!dc_load_weights(m, broken));
    }
    CHECK(dc_fingerprint(m) == before);
    for (size_t bit = 0; bit < 8 * header; bit++) {
        dc_context *fresh = dc_new(1);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        files_put(broken, bytes, size);
        dc_model *n = dc_load(fresh, broken);
        CHECK(n ? dc_fingerprint(n) == before : strstr(dc_error(fresh), "broken.safetensors: ") != NULL);
        CHECK(dc_load_weights(m, broken) || *dc_error(ctx));
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        dc_free(fresh);
    }
    CHECK(dc_fingerprint(m) == before);
    files_put(broken, bytes, size + 1);
    CHECK(!dc_load(ctx, broken));
    CHECK_TEXT(dc_error(ctx), " bytes, and there are ");
    CHECK(ctx->buffers == NULL);
    dc_free(ctx);
}

TEST(files_headers_that_lie)
{
    static const struct { const char *header; size_t data; const char *message; } lies[] = {
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
          "\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12,
              "its tensors have 16 bytes, and there are 12" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
          "\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]}}", 20,
              "its tensors have 16 bytes, and there are 20" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
          12, "its tensors have 8 bytes, and there are 12" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
          9, "its tensors have 8 bytes, and there are 9" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
          7, "the data_offsets of tensor x fit neither its shape nor the file" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}",
          8, "tensor x is [3] in the file and [2] in the model" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}",
          0, "tensor x is [] in the file and [2] in the model" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}",
          0, "tensor x is [4294967296] in the file and [2] in the model" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,8]}}",
          8, "tensor x is [] in the file and [2] in the model" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}",
          8, "tensor x is [] in the file and [2] in the model" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}",
          8, "tensor x is [] in the file and [2] in the model" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "data_offsets of tensor x" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,18446744073709551615]}}",
          8, "data_offsets of tensor x" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "data_offsets of tensor x" },
        { "{\"x\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "elements of type I64" },
        { "{\"x\":{\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "elements of type (none)" },
        { "{\"x\":5}", 0, "elements of type (none)" },
        { "{\"x\":[]}", 0, "elements of type (none)" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 8, "data_offsets of tensor x" },
        { "{\"x\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "data_offsets of tensor x" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[1,8]}}", 8, "data_offsets of tensor x" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":{\"a\":8}}}", 8, "data_offsets of tensor x" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "data_offsets of tensor x" },
        { "[1]", 0, "not a safetensors file" },
        { "{\"x\"", 0, "the header is damaged at its byte 4" },
        { "{} {}", 0, "the header is damaged" },
    };
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_dense(1, DC_LINEAR)));
    dc_tensor *x = dc_zeros(ctx, DC_SHAPE(2)), *y = dc_zeros(ctx, DC_SHAPE(2));
    x->name = "x", y->name = "y";
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        const char *path = files_make("lie.safetensors", lies[i].header, lies[i].data);
        dc__archive a;
        bool has_y = strstr(lies[i].header, "\"y\"") != NULL;
        CHECK(!dc__close_archive(&a, dc__open_archive(ctx, path, &a) &&
                                     dc__load_tensors(&a, has_y ? DC_TENSORS(x, y) : DC_TENSORS(x))));
        CHECK_TEXT(dc_error(ctx), lies[i].message);
        CHECK(!dc_load_weights(m, path));
        CHECK(!dc_load(ctx, path));
    }
    CHECK(ctx->buffers == NULL);
    dc_free(ctx);
}

TEST(files_that_are_none)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_dense(1, DC_LINEAR)));
    static unsigned char huge[64] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, '{', '}' };
    files_put(temporary_path("huge.safetensors"), huge, sizeof huge);
    CHECK(!dc_load(ctx, temporary_path("huge.safetensors")));
    huge[4] = huge[5] = huge[6] = huge[7] = huge[3] = huge[2] = 0;
    files_put(temporary_path("huge.safetensors"), huge, sizeof huge);
    CHECK(!dc_load(ctx, temporary_path("huge.safetensors")));
    CHECK_TEXT(dc_error(ctx), "not a safetensors file, or cut short within its header");
    CHECK(!dc_load(ctx, files_name("no such file")));
    CHECK_TEXT(dc_error(ctx), "no such file");
    CHECK(!dc_load_weights(m, temporary_path("")));
    CHECK(*dc_error(ctx));
    CHECK(ctx->buffers == NULL);
    dc_free(ctx);
}

TEST(files_twice_the_same_tensor)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_dense(1, DC_LINEAR)));
    CHECK(!dc_load_weights(m, files_make("twice.safetensors",
        "{\"dense_1.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]},"
        "\"dense_1.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]},"
        "\"dense_1.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", 12)));
    CHECK_TEXT(dc_error(ctx), "its tensors have 8 bytes, and there are 12");
    dc_free(ctx);
}

/* A file that holds this architecture and the tensors of one dense_1 [1, 1]. */
static bool files_loads(dc_context *ctx, const char *architecture)
{
    char header[1 << 14];
    size_t n = (size_t)snprintf(header, sizeof header, "{\"__metadata__\":{\"format\":\"deepc\",\"version\":\"1\","
                                "\"architecture\":\"");
    for (const char *c = architecture; *c; c++) {
        if (*c == '"') header[n++] = '\\';
        header[n++] = *c;
    }
    snprintf(header + n, sizeof header - n,
             "\"},\"dense_1.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":"
             "[0,4]},\"dense_1.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}");
    ctx->error[0] = 0;
    bool ok = dc_load(ctx, files_make("architecture.safetensors", header, 8)) != NULL;
    CHECK(ok || strstr(dc_error(ctx), "architecture.safetensors: "));
    return ok;
}

#define FILES_INPUT "{\"kind\":\"input\",\"name\":\"input_1\",\"shape\":[1]}"
#define FILES_DENSE "{\"kind\":\"dense\",\"name\":\"dense_1\",\"units\":1}"
#define FILES_MODEL "{\"layers\":[" FILES_INPUT "," FILES_DENSE "]"

static const char *const files_bad[][2] = {
    { "", "damaged" }, { "[]", "C function" }, { "{}", "C function" }, { "{\"layers\":3}", "list of layers" },
    { "{\"layers\":[]}", "list of layers" }, { "{\"layers\":[1]}", "layer (none) is of a kind \"(none)\"" },
    { "{\"layers\":[" FILES_DENSE "]}", "the first layer must be dc_input" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"dense\",\"name\":\"dense_1\"}]}", "units" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"dense\",\"name\":\"dense_1\",\"units\":-1}]}",
      "units of dense_1" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"dense\",\"name\":\"dense_1\",\"units\":1.5}]}",
      "units of dense_1" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"dense\",\"name\":\"dense_1\",\"units\":1152921504606846976}]}",
      "cannot be built" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"dense\",\"name\":\"dense_1\",\"units\":9007199254740992}]}",
      "cannot be built" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"dense\",\"name\":\"dense_1\",\"units\":2}]}",
      "dense_1.weight is [1, 1] in the file and [1, 2] in the model" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"dense\",\"name\":\"dense_1\",\"units\":1"
      ",\"activation\":\"rely\"}]}", "activation" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"dense\",\"name\":\"dense_1\",\"units\":1,\"activation\":7}]}",
      "activation" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"dense\",\"name\":\"dense_1\",\"units\":1,\"without_bias\":1}]}",
      "without_bias" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"dense\",\"name\":\"dense_1\",\"units\":1,\"without_bias\":true}]}",
      "dense_1.bias is not in the model" },
    { "{\"layers\":[" FILES_INPUT "," FILES_DENSE "," FILES_DENSE "]}", "two layers are named 'dense_1'" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"dense\",\"name\":\"\",\"units\":1}]}",
      "tensor .weight [1, 1] of the model is not in the file" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"gru\",\"name\":\"gru_1\"}]}", "dc_register_layer" },
    { "{\"layers\":[{\"kind\":\"input\",\"name\":\"i\",\"shape\":[1152921504606846976]}," FILES_DENSE "]}",
      "shape of i" },
    { "{\"layers\":[{\"kind\":\"input\",\"name\":\"i\",\"shape\":[1099511627776,1]}," FILES_DENSE "]}",
      "cannot be built" },
    { "{\"layers\":[{\"kind\":\"input\",\"name\":\"i\",\"shape\":[-1]}," FILES_DENSE "]}", "cannot be built" },
    { "{\"layers\":[{\"kind\":\"input\",\"name\":\"i\",\"shape\":[1,1,1,1,1,1,1]}," FILES_DENSE "]}",
      "shape of i" },
    { "{\"layers\":[{\"kind\":\"input\",\"name\":\"i\",\"shape\":[1,1,1,1,1,1]}," FILES_DENSE "]}",
      "at most 5 axes" },
    { "{\"layers\":[{\"kind\":\"input\",\"name\":\"i\"}," FILES_DENSE "]}", "cannot be built" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"residual\",\"name\":\"r\",\"inside\":3}]}", "list of layers" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"residual\",\"name\":\"r\",\"inside\":[]}]}", "list of layers" },
    { "{\"layers\":[" FILES_INPUT ",{\"kind\":\"residual\",\"name\":\"r\",\"inside\":[[]]}]}", "of a kind \"(none)\"" },
};

TEST(files_architectures_that_lie)
{
    dc_context *ctx = dc_new(1);
    CHECK(files_loads(ctx, FILES_MODEL "}"));
    int params = ctx->params;
    for (size_t i = 0; i < sizeof files_bad / sizeof *files_bad; i++) {
        if (!CHECK(!files_loads(ctx, files_bad[i][0]))) printf("  accepted: %s\n", files_bad[i][0]);
        CHECK_TEXT(dc_error(ctx), files_bad[i][1]);
    }
    CHECK(ctx->params == params && ctx->buffers == NULL && ctx->depth == 0);
    dc_free(ctx);
}

TEST(files_of_another_version)
{
    dc_context *ctx = dc_new(1);
    CHECK(!dc_load(ctx, files_make("new.safetensors",
        "{\"__metadata__\":{\"format\":\"deepc\",\"version\":\"2\",\"architecture\":\"{}\"}}", 0)));
    CHECK_TEXT(dc_error(ctx), "holds no architecture from deepc (format 1), but from deepc (format 2)");
    CHECK(!dc_load(ctx, files_make("pt.safetensors", "{\"__metadata__\":{\"format\":\"pt\"}}", 0)));
    CHECK_TEXT(dc_error(ctx), "holds no architecture from deepc");
    CHECK(!dc_load(ctx, files_make("odd.safetensors", "{\"__metadata__\":[]}", 0)));
    dc_free(ctx);
}

/* --- writing that fails --- */

TEST(files_that_cannot_be_written)
{
    const char *path = files_name("kept.safetensors"), *array = files_name("kept.npy");
    static unsigned char before[1 << 16], after[1 << 16];
    dc_context *ctx = dc_new(1);
    dc_model *m = files_model(ctx);
    dc_tensor *x = dc_ones(ctx, DC_SHAPE(2000));
    CHECK(dc_save(m, path) && dc_save_npy(x, array));
    size_t size = files_get(path, before, sizeof before);
    CHECK(!dc_save(m, temporary_path("")) && *dc_error(ctx));
    CHECK(!dc_save_npy(x, "/no such folder/x.npy"));
    CHECK_TEXT(dc_error(ctx), "/no such folder/x.npy");
    FILE *full = fopen("/dev/full", "wb");
    if (full) {
        fclose(full);
        CHECK(!dc_save(m, "/dev/full"));
        CHECK_TEXT(dc_error(ctx), "/dev/full: ");
        CHECK(!dc_save_training(m, "/dev/full") && !dc_save_npy(x, "/dev/full"));
    }

    /* A disk that has room for 1000 bytes more. */
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old, small.rlim_cur = 1000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    files_train(m, 0, 3);
    bool model_ok = dc_save(m, path), training_ok = dc_save_training(m, path), array_ok = dc_save_npy(x, array);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, handler);
    CHECK(!model_ok && !training_ok && !array_ok);
    CHECK(size == files_get(path, after, sizeof after) && !memcmp(before, after, size));
    CHECK(dc_load_npy(ctx, array) != NULL);
    CHECK(ctx->buffers == NULL);
    dc_free(ctx);
}

/* --- training --- */

/* Training without a break, and with the program ended in between, end with the same bits. */
static bool files_continues(dc_optimizer_spec spec, int stop)
{
    const char *model = files_name("stopped.safetensors"), *training = files_name("stopped.training");
    dc_context *one = dc_new(5), *two = dc_new(5), *three = dc_new(6);
    dc_model *whole = files_model(one), *first = files_model(two);
    dc_compile(whole, whole->loss, spec);
    dc_compile(first, first->loss, spec);
    files_train(whole, 0, 20);
    files_train(first, 0, stop);
    bool ok = dc_save(first, model) && dc_save_training(first, training);
    dc_model *rest = dc_load(three, model);
    if (rest) dc_compile(rest, files_loss(three), spec);
    ok = ok && rest && dc_load_training(rest, training);
    if (!ok) printf("  %s %s\n", dc_error(two), dc_error(three));
    if (ok) files_train(rest, stop, 20);
    ok = ok && dc_fingerprint(rest) == dc_fingerprint(whole);
    dc_free(one);
    dc_free(two);
    dc_free(three);
    return ok;
}

TEST(files_training_continues_with_the_same_bits)
{
    dc_optimizer_spec spec = dc_adam(0.01);
    CHECK(files_continues(spec, 7));
    CHECK(files_continues(spec, 0));
    spec.accumulate = 4;
    spec.schedule = dc_cosine_decay(12, 0.01);
    CHECK(files_continues(spec, 8));
    CHECK(files_continues(spec, 10));                 /* With half of the gradients gathered. */
    CHECK(files_continues(dc_nesterov(0.05, 0.9), 9));
    CHECK(files_continues(dc_sgd(0.05), 9));
}

TEST(files_training_state)
{
    const char *path = files_name("state.training"), *model = files_name("state.safetensors");
    dc_context *ctx = dc_new(18446744073709551557u), *other = dc_new(1);
    dc_model *m = files_model(ctx), *n = files_model(other);
    dc_optimizer_spec spec = dc_adam(0.01);
    spec.schedule = dc_reduce_on_plateau(0.5, 2);
    dc_compile(m, m->loss, spec);
    dc_compile(n, n->loss, spec);
    CHECK(dc_save_training(m, path) && dc_load_training(n, path));     /* plateau_best is infinite here. */
    CHECK(isinf(n->optimizer->plateau_best));
    files_train(m, 0, 3);
    for (int i = 0; i < 6; i++) dc_plateau(m->optimizer, 0.1);
    dc_set_rate(m->optimizer, 0.3);
    CHECK(dc_save_training(m, path) && dc_load_training(n, path));
    const dc_optimizer *a = m->optimizer, *b = n->optimizer;
    CHECK(a->t == b->t && a->t == 3 && a->calls == b->calls);
    CHECK(a->slot[1].t == 3 && b->slot[1].t == 3 && a->slot[1].power1 == b->slot[1].power1 &&
          a->slot[1].power2 == b->slot[1].power2);
    CHECK(b->plateau_best == 0.1 && a->plateau_factor == b->plateau_factor && a->plateau_bad == b->plateau_bad);
    CHECK(b->plateau_factor == 0.5 && dc_rate(a) == dc_rate(b) && b->spec.rate == 0.3);
    CHECK(other->seed == 18446744073709551557u && ctx->steps == other->steps && ctx->creations == other->creations);

    CHECK(dc_save(m, model));
    CHECK(!dc_load_training(n, model));
    CHECK_TEXT(dc_error(other), "holds no training from deepc");
    CHECK(!dc_load(other, path));
    CHECK_TEXT(dc_error(other), "holds no architecture from deepc");
    dc_compile(n, n->loss, dc_sgd(1));
    CHECK(!dc_load_training(n, path));
    CHECK_TEXT(dc_error(other), "is the state of optimizer adam; the model is compiled with sgd");
    CHECK(n->optimizer->t == 0 && n->optimizer->spec.rate == 1);
    dc_model *small = dc_sequential(other, DC_LAYERS(dc_input(1), dc_dense(1, DC_LINEAR)));
    EXPECT_FAIL(other, dc_load_training(small, path),
                "dc_load_training: the model has no optimizer yet; call dc_compile first");
    EXPECT_FAIL(other, dc_save_training(small, path), "dc_save_training: the model has no optimizer yet");
    dc_compile(small, DC_MSE, spec);
    CHECK(!dc_load_training(small, path));
    CHECK_TEXT(dc_error(other), "the optimizer does not step as many parameters as the model's");
    dc_model *named = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_with_name(dc_dense(2, DC_LINEAR), "head")));
    dc_compile(named, DC_MSE, spec);
    CHECK(dc_save_training(named, path) && !dc_load_training(small, path));
    CHECK_TEXT(dc_error(other), "the optimizer steps head.weight where the model's steps dense_1.weight");
    named = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_dense(2, DC_LINEAR)));
    dc_compile(named, DC_MSE, spec);
    CHECK(dc_save_training(named, path) && !dc_load_training(small, path));
    CHECK_TEXT(dc_error(other), "dense_1.weight.state0 is [1, 2] in the file and [1, 1] in the model");
    dc_free(ctx);
    dc_free(other);
}

TEST(files_training_cut_and_flipped)
{
    static unsigned char bytes[1 << 16];
    const char *path = files_name("whole.training"), *broken = files_name("broken.training");
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2, 3), dc_flatten(), dc_dense(3, DC_LINEAR)));
    dc_compile(m, DC_CROSS_ENTROPY, dc_adam(0.01));
    files_train(m, 0, 2);
    CHECK(dc_save_training(m, path));
    size_t size = files_get(path, bytes, sizeof bytes), header = 8 + bytes[0] + 256 * (size_t)bytes[1];
    for (size_t cut = 0; cut < size; cut++) {
        files_put(broken, bytes, cut);
        CHECK(!dc_load_training(m, broken));
    }
    CHECK(m->optimizer->t == 2 && ctx->seed == 1);
    for (size_t bit = 0; bit < 8 * header; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        files_put(broken, bytes, size);
        ctx->error[0] = 0;
        CHECK(dc_load_training(m, broken) || strstr(dc_error(ctx), "broken.training: "));
        CHECK(m->optimizer->spec.rate > 0);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    files_train(m, 0, 1);
    CHECK(dc_load_training(m, path) && m->optimizer->t == 2);
    CHECK(ctx->buffers == NULL);
    dc_free(ctx);
}

/* Another locale writes 0,5: files must not. */
TEST(files_do_not_depend_on_the_locale)
{
    CHECK(strcmp(DC__NUMBER(0.5, 17), "0.5") == 0);
}
