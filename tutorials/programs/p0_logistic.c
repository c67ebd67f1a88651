/* p0_logistic - program 0, logistic regression of two clouds of points, in deepc.
 *
 * cc -O2 tutorials/programs/p0_logistic.c -o build/p0_logistic -lm
 * options: --seed N (1)
 *
 * expected: test_accuracy >= 0.975 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

int main(int argc, char **argv)
{
    dc_context *ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));

    /* [data] */
    dc_dataset *points = dc_make_blobs(ctx, 1000, 2, 0.8f), *first, *rest;
    dc_split_data(points, 0.5f, &first, &rest);
    dc_batch train = dc_all(first), test = dc_all(rest);
    dc_tensor *y_train = dc_reshape(train.y, DC_SHAPE(-1, 1));
    dc_tensor *y_test  = dc_reshape(test.y, DC_SHAPE(-1, 1));
    /* [/data] */

    /* [model] */
    dc_tensor *w = dc_param_from(ctx, DC_SHAPE(2, 1), dc_normal(ctx, DC_SHAPE(2, 1), 0, 1)->data);
    dc_tensor *b = dc_param_from(ctx, DC_SHAPE(1), dc_normal(ctx, DC_SHAPE(1), 0, 1)->data);
    /* [/model] */

    /* [loss] */
    dc_optimizer *sgd = dc_optimize(ctx, dc_sgd(0.1));      /* the loss is called in the loop */
    /* [/loss] */

    /* [training] */
    for (int step = 0; step < 1000; step++) {
        dc_mark mark = dc_begin(ctx);
        dc_tensor *z = dc_linear(train.x, w, b);            /* x w + b */
        dc_backward(dc_bce_with_logits(z, y_train));
        dc_step(sgd);                                       /* also clears the gradients */
        dc_end(ctx, mark);
    }
    /* [/training] */

    /* [evaluate] */
    dc_tensor *z = dc_linear(test.x, w, b);
    dc_tensor *right = dc_equal(dc_greater(z, dc_scalar(ctx, 0)), y_test);
    double accuracy = (double)dc_item(dc_mean(right));
    /* [/evaluate] */

    /* [predict] */
    dc_tensor *point = dc_from(ctx, DC_SHAPE(1, 2), (dc_real[]){ -1, 0.5f });
    dc_tensor *p = dc_sigmoid(dc_linear(point, w, b));
    printf("the point (-1, 0.5) is of class 1 with probability %.2f\n", (double)dc_item(p));
    /* [/predict] */

    printf("RESULT test_accuracy=%.4f\n", accuracy);
    dc_free(ctx);
}
