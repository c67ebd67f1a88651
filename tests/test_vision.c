#define DEEPC_IMPLEMENTATION
#include "deepc.h"
static int R(int n){return rand()%n;}
static double worst=0;
static void conv_case(dc_context*ctx,int trial,bool transposed,bool grad){
  dc_mark mk=dc_begin(ctx);
  int one=R(3)==0, groups=R(3)==0?1+R(3):1, dw=R(5)==0; int cg=1+R(4), og=1+R(4); if(dw){groups=2+R(5);cg=og=1;}
  int C=cg*groups,O=og*groups,N=1+R(3),H=one?1:1+R(9),W=1+R(9),kh=one?1:1+R(4),kw=1+R(4);
  dc_window win={.stride=1+R(3),.stride_x=R(2)?0:1+R(3),.dilation=1+R(2),.padding=R(3)==0?DC_SAME:DC_VALID,.top=R(3),.bottom=R(3),.left=R(3),.right=R(3),.groups=groups};
  int sy=win.stride,sx=win.stride_x?win.stride_x:win.stride,d=win.dilation;
  if(transposed) win.output_padding=R(sy<sx?sy:sx);
  if(one){win.top=win.bottom=0;}
  int spany=(kh-1)*d+1,spanx=(kw-1)*d+1;
  int top=win.top,left=win.left,bot=win.bottom,right=win.right; 
  int OH,OW;
  if(one&&0) sy=1;
  if(!transposed){
    if(win.padding==DC_SAME){OH=(H+sy-1)/sy;OW=(W+sx-1)/sx;int py=(OH-1)*sy+spany-H,px=(OW-1)*sx+spanx-W;top=py>0?py/2:0;left=px>0?px/2:0;}
    else {OH=(H+top+bot-spany);OW=(W+left+right-spanx); if(OH<0||OW<0){dc_end(ctx,mk);return;} OH=OH/sy+1;OW=OW/sx+1;}
    if(one){OH=1;top=0;}
  } else {
    if(win.padding==DC_SAME){OH=H*sy;OW=W*sx;top=spany>sy?(spany-sy)/2:0;left=spanx>sx?(spanx-sx)/2:0;}
    else {OH=(H-1)*sy+spany-top-bot+win.output_padding;OW=(W-1)*sx+spanx-left-right+win.output_padding;}
    if(one){OH=1;top=0;}
    if(OH<1||OW<1){dc_end(ctx,mk);return;}
  }
  dc_tensor*x=dc_require_grad(dc_uniform(ctx,one?DC_SHAPE(N,W,transposed?O:C):DC_SHAPE(N,H,W,transposed?O:C),-1,1));
  dc_tensor*w=dc_require_grad(dc_uniform(ctx,one?DC_SHAPE(kw,cg,O):DC_SHAPE(kh,kw,cg,O),-1,1));
  int YC=transposed?C:O;
  dc_tensor*b=dc_require_grad(dc_uniform(ctx,DC_SHAPE(YC),-1,1));
  dc_tensor*y=transposed?dc_conv_transpose_op(x,w,b,win):dc_conv_op(x,w,b,win);
  int r=y->shape.rank; 
  if((!one&&y->shape.dim[1]!=OH)||y->shape.dim[r-2]!=OW||y->shape.dim[r-1]!=YC){printf("shape! %d trial %d T%d one%d\n",(int)y->size,trial,transposed,one);exit(1);}
  double*Y=calloc(y->size,8),*DX=calloc(x->size,8),*DW=calloc(w->size,8),*DB=calloc(YC,8);
  dc_tensor*g=dc_uniform(ctx,y->shape,-1,1);
  // relation: big image [BH,BW,C], small [SH,SW,O]: small[i,j,o] <-> big[i*sy+r*d-top, ...,c] * w[r,s,c%cg.., o]
  int BH=transposed?OH:H,BW=transposed?OW:W,SH=transposed?H:OH,SW=transposed?W:OW;
  for(int n=0;n<N;n++)for(int i=0;i<SH;i++)for(int j=0;j<SW;j++)for(int rr=0;rr<kh;rr++)for(int s=0;s<kw;s++){
    int bi=i*sy+rr*d-top,bj=j*sx+s*d-left; if(one)bi=0; if(bi<0||bj<0||bi>=BH||bj>=BW)continue;
    for(int o=0;o<O;o++)for(int c=0;c<cg;c++){ int gg=o/og; int big=((n*BH+bi)*BW+bj)*C+gg*cg+c, small=((n*SH+i)*SW+j)*O+o, wi=((rr*kw+s)*cg+c)*O+o;
      if(!transposed){Y[small]+=(double)x->data[big]*w->data[wi]; DX[big]+=(double)g->data[small]*w->data[wi]; DW[wi]+=(double)g->data[small]*x->data[big];}
      else {Y[big]+=(double)x->data[small]*w->data[wi]; DX[small]+=(double)g->data[big]*w->data[wi]; DW[wi]+=(double)g->data[big]*x->data[small];}
    }}
  for(int i=0;i<y->size;i++){Y[i]+=b->data[i%YC];DB[i%YC]+=g->data[i];}
  dc_tensor*loss=dc_sum(dc_mul(y,g)); dc_backward(loss); if(R(2)){dc_backward(loss);for(int i=0;i<x->size;i++)DX[i]*=2;for(int i=0;i<w->size;i++)DW[i]*=2;for(int i=0;i<YC;i++)DB[i]*=2;}
#define CMP(A,B,n,name) for(int i=0;i<n;i++){double e=fabs(A[i]-B[i]);if(e>worst)worst=e; if(!(e<1e-5*fmax(1,fabs(B[i])+4))){printf("%s trial %d T%d one%d N%d H%d W%d C%d O%d k%dx%d g%d s%d,%d d%d same%d pads %d %d %d %d: [%d] %g vs %g\n",name,trial,transposed,one,N,H,W,C,O,kh,kw,groups,sy,sx,d,win.padding,top,bot,left,right,i,(double)A[i],B[i]);exit(1);}}
  CMP(y->data,Y,y->size,"y") CMP(x->grad,DX,x->size,"dx") CMP(w->grad,DW,w->size,"dw") CMP(b->grad,DB,YC,"db")
  free(Y);free(DX);free(DW);free(DB); dc_end(ctx,mk);
}
int main(int c,char**v){ dc_context*ctx=dc_new(1); srand(c>1?atoi(v[1]):1);
 for(int t=0;t<4000;t++) conv_case(ctx,t,R(2),true); printf("ok worst %g\n",worst);}
