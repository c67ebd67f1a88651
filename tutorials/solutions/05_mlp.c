/* Solutions of chapter 5, the multi-layer perceptron.
 *
 * cc -O2 tutorials/solutions/05_mlp.c -o build/solutions_05_mlp -lm
 * options: --seed N (1)
 *
 * expected: exercise1_parameters == 109386
 * expected: exercise1_difference == 0
 * expected: exercise2_width_2 <= 15
 * expected: exercise2_width_16 >= 19
 * expected: exercise3_as_they_are <= 0.75
 * expected: exercise3_times_five >= 0.95
 * expected: exercise4_difference <= 0.0001 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

/* Every unit of a layer has a weight for each of its inputs, and one bias. The input layer has
 * neither. So a layer has in * out + out parameters. */
static void exercise_1(dc_context *ctx)
{
    static const int64_t size[] = { 784, 128, 64, 10 };
    int64_t by_hand = 0;
    printf("Exercise 1: how many parameters has 784-128-64-10?\n");
    for (int k = 0; k < 3; k++) {
        int64_t weights = size[k] * size[k + 1], biases = size[k + 1];
        printf("layer %d   %6lld weights   %3lld biases\n", k + 1, (long long)weights,
               (long long)biases);
        by_hand += weights + biases;
    }
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(784), dc_dense(128, DC_RELU),
                                                   dc_dense(64, DC_RELU), dc_dense(10, DC_LINEAR)));
    printf("together %lld; deepc counts %lld\n", (long long)by_hand,
           (long long)dc_param_count(model));
    printf("RESULT exercise1_parameters=%lld\n", (long long)by_hand);
    printf("RESULT exercise1_difference=%lld\n", (long long)(by_hand - dc_param_count(model)));
}

/* Two relu units are enough for XOR: the chapter wrote their weights down. That a solution exists
 * does not mean that training finds it: a unit may start, or end, at 0 for all four points, and
 * then no gradient reaches its weights. With more units the others do its work. */
static void exercise_2(dc_context *ctx)
{
    dc_dataset *four = dc_make_xor(ctx);
    printf("\nExercise 2: how wide must the hidden layer be for XOR?\n");
    for (int width = 2; width <= 16; width *= 2) {
        int solved = 0;
        for (int start = 0; start < 20; start++) {       /* every model draws new initial weights */
            dc_mark mark = dc_begin(ctx);
            dc_model *model = dc_sequential(ctx, DC_LAYERS(
                dc_input(2), dc_dense(width, DC_RELU), dc_dense(2, DC_LINEAR)));
            dc_compile(model, DC_CROSS_ENTROPY, dc_adam(0.05));
            dc_fit(model, four, (dc_fit_options){ .epochs = 300, .quiet = true });
            solved += dc_evaluate(model, four).accuracy > 0.99;
            dc_end(ctx, mark);
        }
        printf("width %2d   %2d of 20 starts solve it\n", width, solved);
        if (width == 2 || width == 16) printf("RESULT exercise2_width_%d=%d\n", width, solved);
    }
}

/* Near 0, tanh z is nearly z: units that only see small z are linear units. Here x lies between
 * -1 and 1 and the initial weights are small. Five times the inputs bring z to where tanh bends. */
static double learn_with_tanh(dc_context *ctx, dc_dataset *train, dc_dataset *fresh)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(2), dc_dense(32, DC_TANH), dc_dense(32, DC_TANH), dc_dense(2, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(0.01));
    dc_fit(model, train, (dc_fit_options){ .epochs = 60, .batch_size = 32, .quiet = true });
    return dc_evaluate(model, fresh).accuracy;
}

static dc_dataset *five_times(dc_dataset *data)
{
    dc_batch all = dc_all(data);
    return dc_from_arrays(all.x->ctx, all.size, DC_SHAPE(2), dc_scale(all.x, 5)->data, DC_SCALAR,
                          all.y->data, 2);
}

static void exercise_3(dc_context *ctx)
{
    dc_dataset *train = dc_make_spirals(ctx, 600, 2, 0.05f);
    dc_dataset *fresh = dc_make_spirals(ctx, 600, 2, 0.05f);
    double as_they_are = learn_with_tanh(ctx, train, fresh);
    double times_five  = learn_with_tanh(ctx, five_times(train), five_times(fresh));
    printf("\nExercise 3: two spirals with tanh\n");
    printf("inputs as they are   %.4f\ninputs times five    %.4f\n", as_they_are, times_five);
    printf("RESULT exercise3_as_they_are=%.4f\n", as_they_are);
    printf("RESULT exercise3_times_five=%.4f\n", times_five);
}

/* (x W1 + b1) W2 + b2 = x (W1 W2) + (b1 W2 + b2): again a weight matrix and a bias. */
static void exercise_4(dc_context *ctx)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(2), dc_dense(32, DC_LINEAR), dc_dense(32, DC_LINEAR), dc_dense(2, DC_LINEAR)));
    dc_tensor *w = dc_find(model, "dense_1.weight"), *b = dc_find(model, "dense_1.bias");
    for (int k = 2; k <= 3; k++) {
        char weight[32], bias[32];
        snprintf(weight, sizeof weight, "dense_%d.weight", k);
        snprintf(bias, sizeof bias, "dense_%d.bias", k);
        b = dc_add(dc_matmul(dc_reshape(b, DC_SHAPE(1, -1)), dc_find(model, weight)),
                   dc_find(model, bias));
        w = dc_matmul(w, dc_find(model, weight));
    }
    dc_tensor *x = dc_uniform(ctx, DC_SHAPE(1000, 2), -1, 1);
    dc_tensor *difference = dc_abs(dc_sub(dc_forward(model, x), dc_add(dc_matmul(x, w), b)));
    char shape[64];
    dc_shape_text(w->shape, shape, sizeof shape);
    printf("\nExercise 4: three linear layers are one\n");
    printf("parameters of the three   %lld\n", (long long)dc_param_count(model));
    printf("weights of the one        %s\n", shape);
    printf("RESULT exercise4_difference=%.7f\n", (double)dc_item(dc_max(difference)));
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 2 && !strcmp(argv[1], "--seed") ? strtoull(argv[2], NULL, 10) : 1;
    dc_context *ctx = dc_new(seed);
    exercise_1(ctx);
    exercise_2(ctx);
    exercise_3(ctx);
    exercise_4(ctx);
    dc_free(ctx);
}
