/* Solutions of chapter 7, MNIST with fit, evaluate and predict.
 *
 * cc -O2 tutorials/solutions/07_mnist_mlp.c -o build/solutions_07_mnist_mlp -lm
 * options: --seed N (1), --data DIR (examples/data/mnist)
 *
 * expected: exercise1_in_two >= 0.99
 * expected: exercise1_same == 1
 * expected: exercise2_difference <= 0.01
 * expected: exercise3_inverted <= 0.2
 * expected: exercise4_accuracy_of_the_sure >= 0.99
 * expected: exercise4_refused <= 0.12 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

static dc_model *trained(dc_context *ctx, dc_dataset *train)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1), dc_flatten(), dc_dense(128, DC_RELU), dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    dc_fit(model, train, (dc_fit_options){ .epochs = 5, .batch_size = 64, .quiet = true });
    return model;
}

static int argmax(const dc_real *p)
{
    int best = 0;
    for (int c = 1; c < 10; c++) if (p[c] > p[best]) best = c;
    return best;
}

/* Right when at most one logit is larger than that of the true class. */
static void exercise_1(dc_model *model, dc_dataset *test)
{
    dc_batch all = dc_all(test);
    dc_tensor *logits = dc_predict(model, all.x);
    int right = 0;
    for (int64_t i = 0; i < all.size; i++) {
        const dc_real *z = logits->data + 10 * i;
        int larger = 0;
        for (int c = 0; c < 10; c++) larger += z[c] > z[(int)all.y->data[i]];
        right += larger < 2;
    }
    dc_metrics(model, DC_METRICS(dc_top_k(2)));
    dc_report report = dc_evaluate(model, test);
    printf("Exercise 1: is the digit among the first two?\n");
    printf("first %.4f   first two, counted in C %.4f   dc_top_k(2) %.4f\n", report.accuracy,
           right / (double)all.size, report.value[0]);
    printf("RESULT exercise1_in_two=%.4f\n", report.value[0]);
    printf("RESULT exercise1_same=%d\n", fabs(report.value[0] - right / (double)all.size) < 1e-6);
}

/* The pixels of every image in one other order, the same for all of them. */
static dc_dataset *scrambled(dc_dataset *data, const dc_real *order)
{
    dc_batch all = dc_all(data);
    dc_real *x = dc_alloc(all.x->ctx, (size_t)all.x->size * sizeof *x);
    for (int64_t i = 0; i < all.size; i++)
        for (int pixel = 0; pixel < 784; pixel++)
            x[784 * i + pixel] = all.x->data[784 * i + (int)order[pixel]];
    return dc_from_arrays(all.x->ctx, all.size, DC_SHAPE(28, 28, 1), x, DC_SCALAR, all.y->data, 10);
}

static void exercise_2(dc_context *ctx, dc_dataset *train, dc_dataset *test)
{
    dc_dataset *some = dc_take(train, 0, 10000);
    const dc_real *order = dc_permutation(ctx, 784)->data;
    dc_model *plain_model = trained(ctx, some), *mixed_model = trained(ctx, scrambled(some, order));
    double plain = dc_evaluate(plain_model, test).accuracy;
    double mixed = dc_evaluate(mixed_model, scrambled(test, order)).accuracy;
    printf("\nExercise 2: the pixels in another order, 10,000 training images\n");
    printf("as they are %.4f   scrambled %.4f\n", plain, mixed);
    printf("RESULT exercise2_difference=%.4f\n", fabs(plain - mixed));
}

/* It has never seen ink that is dark. Photographs must be turned into what the training images are:
 * white on black, centred, of the same size and thickness. */
static void exercise_3(dc_model *model, dc_dataset *test)
{
    dc_batch all = dc_all(test);
    dc_tensor *dark = dc_shift(dc_neg(all.x), 1);           /* 1 - x: black on white */
    dc_tensor *logits = dc_predict(model, dark);
    int right = 0, said[10] = { 0 };
    for (int64_t i = 0; i < all.size; i++) {
        int c = argmax(logits->data + 10 * i);
        said[c]++, right += c == (int)all.y->data[i];
    }
    printf("\nExercise 3: black on white\n");
    printf("white on black %.4f   black on white %.4f   said", dc_evaluate(model, test).accuracy,
           right / (double)all.size);
    for (int c = 0; c < 10; c++) printf(" %d: %d%s", c, said[c], c < 9 ? "," : "\n");
    printf("RESULT exercise3_inverted=%.4f\n", right / (double)all.size);
}

static void exercise_4(dc_model *model, dc_dataset *test)
{
    dc_batch all = dc_all(test);
    dc_tensor *p = dc_softmax(dc_predict(model, all.x));
    printf("\nExercise 4: refuse what is unsure\n");
    double refused = 0, accuracy = 0, limit[3] = { 0, 0.5, 0.9 };
    for (int k = 0; k < 3; k++) {
        int kept = 0, right = 0;
        for (int64_t i = 0; i < all.size; i++) {
            int c = argmax(p->data + 10 * i);
            if ((double)p->data[10 * i + c] < limit[k]) continue;
            kept++, right += c == (int)all.y->data[i];
        }
        refused = 1 - kept / (double)all.size, accuracy = right / (double)kept;
        printf("at least %.1f sure: refused %.4f, right among the others %.4f\n", limit[k],
               refused, accuracy);
    }
    printf("RESULT exercise4_refused=%.4f\n", refused);
    printf("RESULT exercise4_accuracy_of_the_sure=%.4f\n", accuracy);
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *train  = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    dc_model *model = trained(ctx, dc_take(train, 0, 55000));
    exercise_1(model, test);
    exercise_2(ctx, train, test);
    exercise_3(model, test);
    exercise_4(model, test);
    dc_free(ctx);
}
