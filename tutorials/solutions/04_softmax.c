/* Solutions of chapter 4, softmax regression. Takes about 3 s.
 *
 * cc -O2 tutorials/solutions/04_softmax.c -o build/solutions_04_softmax -lm
 * options: --seed N (1), --data DIR (examples/data/mnist)
 *
 * expected: exercise1_naive_fails_at_100 == 1
 * expected: exercise1_worst_difference <= 0.0001
 * expected: exercise2_worst_count >= 20
 * expected: exercise3_nearest_mean >= 0.80
 * expected: exercise3_nearest_mean <= 0.84
 * expected: exercise4_zeros <= 0.12
 * expected: exercise4_random >= 0.93 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

enum { PIXELS = 28 * 28, CLASSES = 10 };

/* e^z / sum e^z in float, after adding c to each of the three logits. */
static void softmax(float c, bool subtract_largest, float *p)
{
    float z[3] = { 1 + c, 2 + c, 3 + c }, sum = 0;
    for (int k = 0; k < 3; k++) sum += p[k] = expf(subtract_largest ? z[k] - z[2] : z[k]);
    for (int k = 0; k < 3; k++) p[k] /= sum;
}

static void exercise_1(void)
{
    float p[3], first = 0;
    double worst = 0;
    bool fails = false;
    printf("Exercise 1: add the same number to all logits\n");
    for (int subtract = 0; subtract <= 1; subtract++)
        for (int c = 0; c <= 100; c += 50) {
            softmax((float)c, subtract, p);
            printf("%-20s c = %3d   p[2] ", subtract ? "largest subtracted" : "as it stands", c);
            if (isnan(p[2])) printf("not a number\n");
            else printf("%.4f\n", (double)p[2]);
            if (c == 0) first = p[2];
            if (c == 100 && !subtract) fails = isnan(p[2]);
            if (subtract) worst = fmax(worst, fabs((double)(p[2] - first)));
        }
    printf("RESULT exercise1_naive_fails_at_100=%d\n", fails);
    printf("RESULT exercise1_worst_difference=%.6f\n", worst);
}

/* The table of dc_confusion has a row a true class and a column a class that was said. */
static void exercise_2(dc_context *ctx, dc_dataset *train, dc_dataset *test)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(28, 28, 1), dc_flatten(),
                                                   dc_dense(CLASSES, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_sgd(0.5));
    dc_fit(model, train, (dc_fit_options){ .epochs = 3, .batch_size = 100, .quiet = true });
    dc_tensor *table = dc_confusion(model, test);
    int most = 0, is = 0, said = 1;
    printf("\nExercise 2: which digits are confused?\n");
    for (int i = 0; i < CLASSES; i++) {
        printf("%d:", i);
        for (int j = 0; j < CLASSES; j++) {
            int count = (int)dc_at(table, DC_SHAPE(i, j));
            printf(" %4d", count);
            if (i != j && count > most) most = count, is = i, said = j;
        }
        printf("\n");
    }
    printf("most often: a %d was read as a %d, %d times\n", is, said, most);
    printf("RESULT exercise2_worst_count=%d\n", most);
}

/* No training at all: the class whose mean image is nearest, by the sum of squared differences. */
static void exercise_3(dc_dataset *train, dc_dataset *test)
{
    static double mean[CLASSES][PIXELS];
    double seen[CLASSES] = { 0 }, right = 0;
    dc_batch all = dc_all(dc_take(train, 0, 20000));
    for (int64_t s = 0; s < all.size; s++) {
        int label = (int)all.y->data[s];
        seen[label] += 1;
        for (int i = 0; i < PIXELS; i++) mean[label][i] += all.x->data[s * PIXELS + i];
    }
    for (int k = 0; k < CLASSES; k++)
        for (int i = 0; i < PIXELS; i++) mean[k][i] /= seen[k];
    all = dc_all(test);
    for (int64_t s = 0; s < all.size; s++) {
        double nearest = INFINITY;
        int said = 0;
        for (int k = 0; k < CLASSES; k++) {
            double distance = 0;
            for (int i = 0; i < PIXELS; i++) {
                double d = all.x->data[s * PIXELS + i] - mean[k][i];
                distance += d * d;
            }
            if (distance < nearest) nearest = distance, said = k;
        }
        right += said == (int)all.y->data[s];
    }
    printf("\nExercise 3: the nearest mean image\n");
    printf("accuracy on the test images: %.4f\n", right / (double)all.size);
    printf("RESULT exercise3_nearest_mean=%.4f\n", right / (double)all.size);
}

/* From zeros all hidden neurons give 0, so W2 gets no gradient; W2 is 0, so W1 gets none. Only
 * the last bias learns, and it can only say how common each class is. */
static double with_hidden_layer(dc_context *ctx, dc_dataset *train, dc_dataset *test, dc_init init)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1), dc_flatten(),
        dc_with_init(dc_dense(32, DC_RELU), init),
        dc_with_init(dc_dense(CLASSES, DC_LINEAR), init)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_sgd(0.2));
    dc_fit(model, train, (dc_fit_options){ .epochs = 2, .batch_size = 100, .quiet = true });
    return dc_evaluate(model, test).accuracy;
}

static void exercise_4(dc_context *ctx, dc_dataset *train, dc_dataset *test)
{
    double zeros = with_hidden_layer(ctx, train, test, DC_ZEROS);
    double random_start = with_hidden_layer(ctx, train, test, DC_GLOROT);
    printf("\nExercise 4: a hidden layer, from zeros and from random numbers\n");
    printf("from zeros            accuracy %.4f\n", zeros);
    printf("from random numbers   accuracy %.4f\n", random_start);
    printf("RESULT exercise4_zeros=%.4f\nRESULT exercise4_random=%.4f\n", zeros, random_start);
}

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    dc_context *ctx   = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *train = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test  = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    exercise_1();
    exercise_2(ctx, train, test);
    exercise_3(train, test);
    exercise_4(ctx, train, test);
    dc_free(ctx);
}
