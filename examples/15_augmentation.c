#define DEEPC_IMPLEMENTATION
#include "deepc.h"
int main(int c,char**v){ dc_context*ctx=dc_new(atoi(v[3]));
 dc_dataset*train=dc_load_mnist(ctx,"examples/data/mnist",DC_TRAIN),*test=dc_load_mnist(ctx,"examples/data/mnist",DC_TEST);
 int E=atoi(v[2]); dc_augmentation a={.shift=0.08f,.rotate=12,.scale=0.12f,.shear=0.15f,.elastic=1.0f};
 dc_model*m=v[1][0]=='A'?dc_sequential(ctx,DC_LAYERS(dc_input(28,28,1),dc_augment(a),dc_conv2d(32,5,DC_RELU),dc_max_pool(2),dc_conv2d(64,5,DC_RELU),dc_max_pool(2),dc_flatten(),dc_dense(256,DC_RELU),dc_dropout(0.4f),dc_dense(10,DC_LINEAR)))
  :dc_sequential(ctx,DC_LAYERS(dc_input(28,28,1),dc_augment(a),dc_conv2d(32,3,DC_RELU),dc_conv2d(32,3,DC_RELU),dc_max_pool(2),dc_conv2d(64,3,DC_RELU),dc_conv2d(64,3,DC_RELU),dc_max_pool(2),dc_flatten(),dc_dense(256,DC_RELU),dc_dropout(0.4f),dc_dense(10,DC_LINEAR)));
 dc_optimizer_spec s=dc_adam(atof(v[4])); s.schedule=dc_one_cycle((60000+127)/128*E); dc_compile(m,DC_CROSS_ENTROPY,s);
 dc_fit(m,train,(dc_fit_options){.epochs=E,.batch_size=128}); printf("%s %s %s %s %.4f %016llx\n",v[1],v[2],v[3],v[4],dc_evaluate(m,test).accuracy,(unsigned long long)dc_fingerprint(m));
}
